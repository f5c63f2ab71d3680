import {
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  type KeyObject,
} from 'node:crypto'
import { type Bytes, concat, copyBytes } from '#base/bytes.ts'

/** Raw X25519 keys as node:crypto takes them. All values are 32 bytes. */
const PKCS8_PREFIX = Uint8Array.from(Buffer.from('302e020100300506032b656e04220420', 'hex'))
const SPKI_PREFIX = Uint8Array.from(Buffer.from('302a300506032b656e032100', 'hex'))

export interface X25519Pair {
  readonly privateKey: KeyObject
  readonly publicKey: KeyObject
}

export function generateX25519(): X25519Pair {
  return generateKeyPairSync('x25519')
}

export function x25519FromScalar(scalar: Uint8Array): X25519Pair {
  const key = Buffer.from(concat(PKCS8_PREFIX, scalar))
  const privateKey = createPrivateKey({ key, format: 'der', type: 'pkcs8' })
  return { privateKey, publicKey: createPublicKey(privateKey) }
}

export function scalarOfX25519(key: KeyObject): Bytes {
  const pkcs8 = key.export({ format: 'der', type: 'pkcs8' })
  return copyBytes(pkcs8.subarray(PKCS8_PREFIX.length))
}

export function importX25519(raw: Uint8Array): KeyObject {
  const key = Buffer.from(concat(SPKI_PREFIX, raw))
  return createPublicKey({ key, format: 'der', type: 'spki' })
}

export function exportX25519(key: KeyObject): Bytes {
  return copyBytes(key.export({ format: 'der', type: 'spki' }).subarray(SPKI_PREFIX.length))
}

/** @throws when the result is all zero: the public key was of small order (RFC 9180 section 7.1.4) */
export function dhX25519(privateKey: KeyObject, publicKey: KeyObject): Bytes {
  return copyBytes(diffieHellman({ privateKey, publicKey }))
}
