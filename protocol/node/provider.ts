import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createPublicKey,
  createSecretKey,
  hash,
  verify as nodeVerify,
} from 'node:crypto'
import type { KEMFactory } from 'hpke'
import { type Bytes, copyBytes } from '#base/bytes.ts'
import { syncBodies } from '../body.ts'
import type { Aead, Hashes, MacKey, Provider, Texts } from '../crypto.ts'
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

/**
 * Short arrays live in the JavaScript heap, and native code that is given one moves it out of there for good. It is given a
 * copy in this buffer instead: it reads it before it returns.
 */
const short = Buffer.allocUnsafeSlow(64)

function outside(bytes: Uint8Array): Buffer {
  short.set(bytes)
  return short.subarray(0, bytes.length)
}

/** AES-256-GCM by a KeyObject: a raw key costs three times as much on every call. */
function nodeAead(raw: Bytes): Aead<'sync'> {
  const key = createSecretKey(outside(raw))
  short.fill(0)
  return {
    seal: (nonce, aad, plaintext, headroom) => {
      const cipher = createCipheriv(CIPHER, key, outside(nonce))
      if (aad.length > 0) cipher.setAAD(outside(aad))
      const frame = new Uint8Array(headroom + plaintext.length + TAG_BYTES)
      if (plaintext.length > 0) frame.set(cipher.update(plaintext), headroom)
      cipher.final()
      frame.set(cipher.getAuthTag(), headroom + plaintext.length)
      return frame
    },
    open: (nonce, aad, ciphertext) => {
      const at = ciphertext.length - TAG_BYTES
      const decipher = createDecipheriv(CIPHER, key, outside(nonce), OPENING)
      if (aad.length > 0) decipher.setAAD(outside(aad))
      decipher.setAuthTag(ciphertext.subarray(at))
      const plaintext = decipher.update(ciphertext.subarray(0, at))
      decipher.final()
      return ownBytes(plaintext)
    },
  }
}

const OPENING = { authTagLength: TAG_BYTES }

function nodeHashes(): Hashes {
  const sha256 = (...parts: readonly Uint8Array[]): Bytes => digestBytes(sha256Text(parts))
  return {
    sha256,
    sha256Hasher: () => {
      const state = createHash('sha256')
      return {
        update: (bytes) => {
          state.update(bytes)
        },
        digest: () => digestBytes(state.digest('binary')),
      }
    },
    macKey: (raw) => hmacKey(raw.length > BLOCK_BYTES ? sha256(raw) : raw),
  }
}

/**
 * HMAC as RFC 2104 defines it, from two hashes: a native HMAC object, its key and its buffer cost more than both, and a
 * request makes ten.
 * @param key at most a block long
 */
function hmacKey(key: Uint8Array): MacKey {
  const inner = new Uint8Array(BLOCK_BYTES).fill(INNER_PAD)
  const outer = new Uint8Array(BLOCK_BYTES).fill(OUTER_PAD)
  for (let i = 0; i < key.length; i++) {
    const byte = key[i] ?? 0
    inner[i] = INNER_PAD ^ byte
    outer[i] = OUTER_PAD ^ byte
  }
  const finish = (text: string): Bytes => digestBytes(sha256Text([outer, digestBytes(text)]))
  return {
    mac: (...parts) => finish(sha256Text([inner, ...parts])),
    hasher: () => {
      const state = createHash('sha256').update(inner)
      return {
        update: (bytes) => {
          state.update(bytes)
        },
        digest: () => finish(state.digest('binary')),
      }
    },
  }
}

const BLOCK_BYTES = 64
const INNER_PAD = 0x36
const OUTER_PAD = 0x5c

/** Where the parts of one hash are put in a row. What the hot path hashes in parts is shorter. */
const row = new Uint8Array(16 * 1024)

/** SHA-256 of the parts in a row, one character a byte: the only form of a digest that takes no buffer of its own. */
function sha256Text(parts: readonly Uint8Array[]): string {
  const [only] = parts
  if (parts.length === 1 && only !== undefined) return hash('sha256', only, 'binary')
  let length = 0
  for (const part of parts) length += part.length
  if (length > row.length) {
    const state = createHash('sha256')
    for (const part of parts) state.update(part)
    return state.digest('binary')
  }
  let at = 0
  for (const part of parts) {
    row.set(part, at)
    at += part.length
  }
  return hash('sha256', row.subarray(0, length), 'binary')
}

/** Small arrays live in the JavaScript heap: made by the thousand, they cost the allocator nothing. */
function digestBytes(text: string): Bytes {
  const bytes = new Uint8Array(text.length)
  for (let i = 0; i < bytes.length; i++) bytes[i] = text.charCodeAt(i)
  return bytes
}

function nodeTexts(): Texts {
  return {
    hex: (bytes) => buffered(bytes).toString('hex'),
    fromHex: (text) => {
      if (text.length % 2 !== 0 || !HEX.test(text)) throw new RangeError('not hex')
      return ownBytes(Buffer.from(text, 'hex'))
    },
    base64url: (bytes) => buffered(bytes).toString('base64url'),
    fromBase64url: (text) => {
      if (!BASE64URL.test(text)) throw new RangeError('not base64url')
      const bytes = Buffer.from(text, 'base64url')
      if (bytes.toString('base64url') !== text) throw new RangeError('not canonical base64url')
      return ownBytes(bytes)
    },
  }
}

function buffered(bytes: Uint8Array): Buffer {
  if (bytes.length <= short.length) return outside(bytes)
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
