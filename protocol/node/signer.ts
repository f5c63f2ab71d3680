import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
} from 'node:crypto'
import { type Bytes, copyBytes } from '#base/bytes.ts'
import type { Signer } from '../crypto.ts'

const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex')
const SPKI_PREFIX_BYTES = 12

/** A fresh Ed25519 key that lives in this process only. */
export function generateSigner(keyId: string): Signer {
  return signerOf(keyId, generateKeyPairSync('ed25519').privateKey)
}

/** An Ed25519 key from its 32-byte seed. */
export function signerFromSeed(keyId: string, seed: Bytes): Signer {
  const der = Buffer.concat([PKCS8_PREFIX, seed])
  return signerOf(keyId, createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }))
}

function signerOf(keyId: string, key: KeyObject): Signer {
  const spki = createPublicKey(key).export({ format: 'der', type: 'spki' })
  return {
    keyId,
    publicKey: copyBytes(spki.subarray(SPKI_PREFIX_BYTES)),
    sign: (message) => copyBytes(sign(null, message, key)),
  }
}
