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
  return encoder.encode(text) as Bytes
}

/** Decodes UTF-8 and refuses ill-formed sequences: replacement characters would change what was signed. */
export function fromUtf8(bytes: Uint8Array): string {
  return decoder.decode(bytes)
}

/** Lower-case hex. */
export function hex(bytes: Uint8Array): string {
  let text = ''
  for (const byte of bytes) text += byte < 16 ? `0${byte.toString(16)}` : byte.toString(16)
  return text
}

/**
 * Parses hex of an even length.
 * @param options.anyCase accept upper case too; canonical forms (ids, digests) are lower case only
 */
export function fromHex(text: string, options: { anyCase?: boolean } = {}): Bytes {
  if (!(options.anyCase === true ? HEX_ANY_CASE : HEX).test(text)) throw new RangeError('not hex')
  const bytes = new Uint8Array(text.length / 2)
  for (let i = 0; i < bytes.length; i++)
    bytes[i] = Number.parseInt(text.slice(2 * i, 2 * i + 2), 16)
  return bytes
}

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
