import { hmac } from '@noble/hashes/hmac.js'
import { sha256 as noble } from '@noble/hashes/sha2.js'
import { type Bytes, copyBytes, hex, utf8 } from '#base/bytes.ts'
import { type Json, jcs, type Message } from '#base/jcs.ts'
import type { Hasher, Hashes } from './crypto.ts'

/** SHA-256 and HMAC without a platform: WebCrypto has neither in pieces nor synchronously. */
export const portableHashes: Hashes = {
  sha256: (...parts) => feed(sha256Hasher(), parts),
  sha256Hasher,
  macKey: (key) => {
    const own = copyBytes(key)
    const hasher = (): Hasher => wrap(hmac.create(noble, own))
    return { hasher, mac: (...parts) => feed(hasher(), parts) }
  },
}

function sha256Hasher(): Hasher {
  return wrap(noble.create())
}

function wrap(hash: { update(bytes: Uint8Array): unknown; digest(): Uint8Array }): Hasher {
  return {
    update: (bytes) => {
      hash.update(bytes)
    },
    digest: () => copyBytes(hash.digest()),
  }
}

function feed(hasher: Hasher, parts: readonly Uint8Array[]): Bytes {
  for (const part of parts) hasher.update(part)
  return hasher.digest()
}

/** Canonical bytes of a JSON value. */
export function canonical(value: Json): Bytes {
  return utf8(jcs(value))
}

/** Canonical bytes of the JSON form of a message, as `toWire` makes it, without making it. */
export function canonicalMessage(message: unknown): Bytes {
  // Sound: callers pass the output of our own parsers, which hold only these kinds.
  return utf8(jcs(message as Message))
}

/** `sha256:<hex>` of bytes: the form of every digest in documents. */
export function sha256Digest(bytes: Uint8Array): string {
  return `sha256:${hex(portableHashes.sha256(bytes))}`
}

/** The JSON form of a message: amounts become decimal strings, absent members disappear. */
export function toWire(value: unknown): Json {
  // Sound: callers pass the output of our own parsers, which hold only these kinds.
  return wire(value as Message)
}

function wire(value: Message): Json {
  if (typeof value === 'bigint') return value.toString()
  if (typeof value !== 'object' || value === null) return value ?? null
  // Array.isArray does not narrow readonly arrays.
  if (Array.isArray(value)) return (value as readonly Message[]).map(wire)
  const members: [string, Json][] = []
  for (const [key, member] of Object.entries(value)) {
    if (member !== undefined) members.push([key, wire(member)])
  }
  return Object.fromEntries(members)
}
