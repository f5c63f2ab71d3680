/**
 * Bytes and their text forms. Everything here is pure and total: a malformed text throws `RangeError`
 * without echoing its input, since callers hand over keys and ciphertext.
 */

/** Bytes over a plain ArrayBuffer: the only kind WebCrypto accepts. */
export type Bytes = Uint8Array<ArrayBuffer>

const HEX = /^(?:[0-9a-f]{2})*$/
const HEX_ANY_CASE = /^(?:[0-9a-fA-F]{2})*$/
const BASE64URL = /^[A-Za-z0-9_-]*$/

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

export function utf8(text: string): Bytes {
  // Sound: encode allocates its own ArrayBuffer, which not every platform's types say.
  return shortAscii(text) ?? (encoder.encode(text) as Bytes)
}

/** Ids, labels and their like: copied by hand, so that no platform allocates a buffer outside its heap for each. */
function shortAscii(text: string): Bytes | undefined {
  if (text.length > SHORT) return undefined
  const bytes = new Uint8Array(text.length)
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code > MAX_ASCII) return undefined
    bytes[i] = code
  }
  return bytes
}

/** The longest array that V8 keeps in its own heap. */
const SHORT = 64
const MAX_ASCII = 0x7f

/** Decodes UTF-8 and refuses ill-formed sequences: replacement characters would change what was signed. */
export function fromUtf8(bytes: Uint8Array): string {
  return decoder.decode(bytes)
}

const HEX_OF = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))

/** Lower-case hex. */
export function hex(bytes: Uint8Array): string {
  let text = ''
  for (const byte of bytes) text += HEX_OF[byte]
  return text
}

/**
 * Parses hex of an even length.
 * @param options.anyCase accept upper case too; canonical forms (ids, digests) are lower case only
 */
export function fromHex(text: string, options: { anyCase?: boolean } = {}): Bytes {
  if (!(options.anyCase === true ? HEX_ANY_CASE : HEX).test(text)) throw new RangeError('not hex')
  const bytes = new Uint8Array(text.length / 2)
  for (let i = 0; i < bytes.length; i++) {
    bytes[i] = (digitOf(text.charCodeAt(2 * i)) << 4) | digitOf(text.charCodeAt(2 * i + 1))
  }
  return bytes
}

/** The value of a hex digit's character code. */
function digitOf(code: number): number {
  return code <= DIGIT_NINE ? code - DIGIT_ZERO : (code | LOWER_CASE) - LETTER_A + 10
}

const DIGIT_ZERO = 0x30
const DIGIT_NINE = 0x39
const LETTER_A = 0x61
const LOWER_CASE = 0x20

/** Standard base64 with padding. */
export function base64(bytes: Uint8Array): string {
  let binary = ''
  for (let i = 0; i < bytes.length; i += 0x8000) {
    binary += String.fromCharCode(...bytes.subarray(i, i + 0x8000))
  }
  return btoa(binary)
}

/** Parses standard base64; padding required, white space refused. */
export function fromBase64(text: string): Bytes {
  if (text.length % 4 !== 0 || /\s/.test(text)) throw new RangeError('not base64')
  let binary: string
  try {
    binary = atob(text)
  } catch {
    throw new RangeError('not base64')
  }
  const bytes = new Uint8Array(binary.length)
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i)
  return bytes
}

/** base64url without padding (RFC 4648 section 5). */
export function base64url(bytes: Uint8Array): string {
  return base64(bytes).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')
}

/** Parses unpadded base64url and refuses non-canonical trailing bits. */
export function fromBase64url(text: string): Bytes {
  if (!BASE64URL.test(text) || text.length % 4 === 1) throw new RangeError('not base64url')
  const padded = text.replaceAll('-', '+').replaceAll('_', '/')
  const bytes = fromBase64(padded.padEnd(Math.ceil(padded.length / 4) * 4, '='))
  if (base64url(bytes) !== text) throw new RangeError('not canonical base64url')
  return bytes
}

export function concat(...parts: readonly Uint8Array[]): Bytes {
  return concatAll(parts)
}

/** The same of a list: a peer's chunks may be more than a call takes arguments. */
export function concatAll(parts: readonly Uint8Array[]): Bytes {
  let length = 0
  for (const part of parts) length += part.length
  const whole = new Uint8Array(length)
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}

/** Four bytes at `at`, big-endian. A DataView would move a small array out of the JavaScript heap first. */
export function uint32At(bytes: Uint8Array, at: number): number {
  const high = ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0)
  const low = ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0)
  return high * 2 ** 16 + low
}

/** The inverse of `uint32At`, modulo 2^32. */
export function putUint32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24
  bytes[at + 1] = value >>> 16
  bytes[at + 2] = value >>> 8
  bytes[at + 3] = value
}

/** Compares whole lengths without an early exit, so that it also serves for MACs. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  let difference = 0
  // Both indices are in range by the length check; `?? 0` only satisfies the checker.
  for (let i = 0; i < a.length; i++) difference |= (a[i] ?? 0) ^ (b[i] ?? 0)
  return difference === 0
}

/** Copies into a plain ArrayBuffer, for bytes that came from a pooled Node Buffer or shared memory. */
export function copyBytes(bytes: Uint8Array): Bytes {
  return new Uint8Array(bytes)
}
