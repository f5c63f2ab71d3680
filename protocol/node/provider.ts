import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createHmac,
  createPublicKey,
  createSecretKey,
  hash,
  type KeyObject,
  verify as nodeVerify,
} from 'node:crypto'
import type { KEMFactory } from 'hpke'
import { type Bytes, copyBytes } from '#base/bytes.ts'
import { syncBodies } from '../body.ts'
import type { Aead, Hasher, Hashes, MacKey, Provider, Texts } from '../crypto.ts'
import { TAG_BYTES } from '../frame.ts'
import { isSmallOrder } from '../small-order.ts'
import { buildSuites, type SuiteName } from '../suite.ts'
import { nodeAes256Gcm, nodeHkdfSha256 } from './hpke-parts.ts'

const CIPHER = 'aes-256-gcm'
const HEX = /^[0-9a-f]*$/
const BASE64URL = /^[A-Za-z0-9_-]*$/

/**
 * Cryptography by node:crypto, synchronous per frame: no thread pool, no promise on the hot path.
 * @param kems used once per session: runtimes differ in which of them their node:crypto can do
 */
export function nodeCryptoProvider(
  kems: Readonly<Record<SuiteName, KEMFactory>>,
): Provider<'sync'> {
  return {
    hashes: nodeHashes(),
    texts: nodeTexts(),
    bodies: syncBodies(nodeAead),
    suites: buildSuites(kems, nodeHkdfSha256, nodeAes256Gcm),
    verify: verifyEd25519,
  }
}

/** AES-256-GCM by a KeyObject: a raw key costs three times as much on every call. */
function nodeAead(raw: Bytes): Aead<'sync'> {
  const key = createSecretKey(raw)
  return {
    seal: (nonce, aad, plaintext, headroom) => {
      const cipher = createCipheriv(CIPHER, key, nonce)
      if (aad.length > 0) cipher.setAAD(aad)
      const frame = new Uint8Array(headroom + plaintext.length + TAG_BYTES)
      if (plaintext.length > 0) frame.set(cipher.update(plaintext), headroom)
      cipher.final()
      frame.set(cipher.getAuthTag(), headroom + plaintext.length)
      return frame
    },
    open: (nonce, aad, ciphertext) => {
      const at = ciphertext.length - TAG_BYTES
      const decipher = createDecipheriv(CIPHER, key, nonce, { authTagLength: TAG_BYTES })
      if (aad.length > 0) decipher.setAAD(aad)
      decipher.setAuthTag(ciphertext.subarray(at))
      const plaintext = decipher.update(ciphertext.subarray(0, at))
      decipher.final()
      return ownBytes(plaintext)
    },
  }
}

function nodeHashes(): Hashes {
  const macOf = (key: KeyObject, parts: readonly Uint8Array[]): Bytes => {
    const mac = createHmac('sha256', key)
    for (const part of parts) mac.update(part)
    return ownBytes(mac.digest())
  }
  return {
    sha256: (...parts) => {
      const [only] = parts
      if (parts.length === 1 && only !== undefined) return ownBytes(hash('sha256', only, 'buffer'))
      const hasher = createHash('sha256')
      for (const part of parts) hasher.update(part)
      return ownBytes(hasher.digest())
    },
    sha256Hasher: () => hasherOf(createHash('sha256')),
    macKey: (raw): MacKey => {
      const key = createSecretKey(raw)
      return {
        mac: (...parts) => macOf(key, parts),
        hasher: () => hasherOf(createHmac('sha256', key)),
      }
    },
  }
}

function hasherOf(state: { update(bytes: Uint8Array): unknown; digest(): Buffer }): Hasher {
  return {
    update: (bytes) => {
      state.update(bytes)
    },
    digest: () => ownBytes(state.digest()),
  }
}

function nodeTexts(): Texts {
  return {
    hex: (bytes) => view(bytes).toString('hex'),
    fromHex: (text) => {
      if (text.length % 2 !== 0 || !HEX.test(text)) throw new RangeError('not hex')
      return ownBytes(Buffer.from(text, 'hex'))
    },
    base64url: (bytes) => view(bytes).toString('base64url'),
    fromBase64url: (text) => {
      if (!BASE64URL.test(text)) throw new RangeError('not base64url')
      const bytes = Buffer.from(text, 'base64url')
      if (bytes.toString('base64url') !== text) throw new RangeError('not canonical base64url')
      return ownBytes(bytes)
    },
  }
}

function view(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

/**
 * A Node Buffer as plain bytes. Buffers of node:crypto have their own ArrayBuffer; a small one from
 * `Buffer.from` may share the pool, which is a plain ArrayBuffer too.
 */
function ownBytes(buffer: Buffer): Bytes {
  return buffer.buffer instanceof ArrayBuffer
    ? new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength)
    : copyBytes(buffer)
}

const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex')

function verifyEd25519(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  if (signature.length !== 64 || isSmallOrder(publicKey)) return false
  try {
    const der = Buffer.concat([SPKI_PREFIX, publicKey])
    const key = createPublicKey({ key: der, format: 'der', type: 'spki' })
    return nodeVerify(null, message, key, signature)
  } catch {
    return false
  }
}
