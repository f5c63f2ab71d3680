import { createPrivateKey, type KeyObject } from 'node:crypto'
import { keyPairFromSeed, mnemonicToPrivateKey, mnemonicValidate } from '@ton/crypto'
import { type Bytes, fromHex } from '#base/bytes.ts'
import { type CommandIo, UsageError } from '../command.ts'
import { readSecretFile } from '../read-secret-file.ts'
import { filled } from './target.ts'

/** An Ed25519 key pair as TON's wallets take it. */
export interface KeyPair {
  readonly publicKey: Bytes
  /** 32 bytes of seed and 32 of public key. */
  readonly secretKey: Bytes
}

export interface SecretSource {
  /** A file that holds 24 words or 64 hex digits. */
  readonly file: string | undefined
  /** The environment's variable that holds the same. */
  readonly variable: string
  /** For the message that asks for it. */
  readonly flag: string
}

const HEX_SEED = /^[0-9a-fA-F]{64}$/

/**
 * Reads a key from a file or the environment: never from an argument, which other users of the machine can see.
 * @throws UsageError that does not repeat what it read
 */
export async function readSecret(io: CommandIo, source: SecretSource): Promise<KeyPair> {
  const { file, variable, flag } = source
  const text = file === undefined ? filled(io.env[variable]) : await readSecretFile(io, file)
  if (text === undefined) {
    throw new UsageError(
      `${flag} FILE is missing (or set ${variable}); the file holds 24 words or 64 hex digits`,
    )
  }
  if (HEX_SEED.test(text)) return pairOf(fromHex(text, { anyCase: true }))
  const words = text.toLowerCase().split(/\s+/)
  if (words.length !== 24 || !(await mnemonicValidate(words))) {
    throw new UsageError(`${file ?? variable} holds neither 24 valid words nor 64 hex digits`)
  }
  const { publicKey, secretKey } = await mnemonicToPrivateKey(words)
  return { publicKey: new Uint8Array(publicKey), secretKey: new Uint8Array(secretKey) }
}

/** For Node's own signatures. */
export function keyObjectOf({ secretKey }: KeyPair): KeyObject {
  const der = Buffer.concat([PKCS8_HEAD, secretKey.subarray(0, 32)])
  return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
}

/** What stands before the seed in an Ed25519 key's PKCS#8 form. @see RFC 8410 section 7 */
const PKCS8_HEAD = Buffer.from('302e020100300506032b657004220420', 'hex')

function pairOf(seed: Bytes): KeyPair {
  const { publicKey, secretKey } = keyPairFromSeed(Buffer.from(seed))
  return { publicKey: new Uint8Array(publicKey), secretKey: new Uint8Array(secretKey) }
}
