import { type UnixSeconds, unixSeconds } from '#base/brand.ts'
import { type Bytes, fromUtf8 } from '#base/bytes.ts'
import { AttestationError, demand } from '../errors.ts'
import { type DerNode, TAG } from './reader.ts'

/** Readers of single DER values; each refuses every form but the canonical one. */

function expectTag(node: DerNode, tag: number): Bytes {
  if (node.tag !== tag) {
    throw new AttestationError('parse', `DER tag ${node.tag}, expected ${tag}`)
  }
  return node.content
}

/** The minimal two's complement octets of an INTEGER. */
export function integerBytes(node: DerNode): Bytes {
  const bytes = expectTag(node, TAG.integer)
  const [first, second] = bytes
  demand(first !== undefined, 'parse', 'empty INTEGER')
  if (second !== undefined) {
    const padded = (first === 0 && second < 0x80) || (first === 0xff && second >= 0x80)
    demand(!padded, 'parse', 'INTEGER is not minimal')
  }
  return bytes
}

/** A non-negative INTEGER as its magnitude, without the sign octet. */
export function unsignedBytes(node: DerNode): Bytes {
  const bytes = integerBytes(node)
  demand((bytes[0] ?? 0) < 0x80, 'parse', 'negative INTEGER')
  return bytes.length > 1 && bytes[0] === 0 ? bytes.subarray(1) : bytes
}

/** A small non-negative INTEGER, at most `max`. */
export function smallInteger(node: DerNode, max: number): number {
  return smallMagnitude(unsignedBytes(node), max)
}

/** A small non-negative ENUMERATED, at most `max`. */
export function enumerated(node: DerNode, max: number): number {
  const content = expectTag(node, TAG.enumerated)
  return smallInteger({ tag: TAG.integer, raw: node.raw, content }, max)
}

function smallMagnitude(bytes: Bytes, max: number): number {
  let value = 0
  for (const byte of bytes) {
    value = value * 256 + byte
    demand(value <= max, 'parse', `INTEGER above ${max}`)
  }
  return value
}

export function boolean(node: DerNode): boolean {
  const bytes = expectTag(node, TAG.boolean)
  demand(bytes.length === 1 && (bytes[0] === 0 || bytes[0] === 0xff), 'parse', 'BOOLEAN form')
  return bytes[0] === 0xff
}

export function octets(node: DerNode): Bytes {
  return expectTag(node, TAG.octetString)
}

/** A BIT STRING of whole octets: keys and signatures. */
export function wholeBits(node: DerNode): Bytes {
  const bytes = expectTag(node, TAG.bitString)
  demand(bytes[0] === 0, 'parse', 'BIT STRING of whole octets expected')
  return bytes.subarray(1)
}

/** A BIT STRING of named bits (at most 32): bit n of the result is named bit n. */
export function namedBits(node: DerNode): number {
  const bytes = expectTag(node, TAG.bitString)
  const unused = bytes[0]
  demand(unused !== undefined && unused < 8 && bytes.length <= 5, 'parse', 'BIT STRING form')
  const last = bytes[bytes.length - 1] ?? 0
  demand(bytes.length > 1 || unused === 0, 'parse', 'BIT STRING form')
  demand((last & ((1 << unused) - 1)) === 0 || bytes.length === 1, 'parse', 'BIT STRING padding')
  let bits = 0
  for (let i = 1; i < bytes.length; i++) {
    for (let bit = 0; bit < 8; bit++) {
      if (((bytes[i] ?? 0) & (0x80 >> bit)) !== 0) bits |= 1 << ((i - 1) * 8 + bit)
    }
  }
  return bits >>> 0
}

const MAX_OID_OCTETS = 64

/** "1.2.840.10045.4.3.3" */
export function oid(node: DerNode): string {
  const bytes = expectTag(node, TAG.oid)
  demand(bytes.length > 0 && bytes.length <= MAX_OID_OCTETS, 'parse', 'OBJECT IDENTIFIER length')
  demand((bytes[bytes.length - 1] ?? 0x80) < 0x80, 'parse', 'OBJECT IDENTIFIER is cut')
  const arcs: number[] = []
  let value = 0
  let fresh = true
  for (const byte of bytes) {
    demand(!(fresh && byte === 0x80), 'parse', 'OBJECT IDENTIFIER is not minimal')
    value = value * 128 + (byte & 0x7f)
    demand(value <= Number.MAX_SAFE_INTEGER / 128, 'parse', 'OBJECT IDENTIFIER arc')
    fresh = byte < 0x80
    if (!fresh) continue
    if (arcs.length === 0) {
      const root = Math.min(Math.floor(value / 40), 2)
      arcs.push(root, value - root * 40)
    } else arcs.push(value)
    value = 0
  }
  return arcs.join('.')
}

const TEXT_TAGS: ReadonlySet<number> = new Set([TAG.utf8String, TAG.printableString, TAG.ia5String])

/** A UTF8String, PrintableString or IA5String. */
export function text(node: DerNode): string {
  demand(TEXT_TAGS.has(node.tag), 'parse', `DER tag ${node.tag} is not text`)
  if (node.tag !== TAG.utf8String) {
    demand(
      node.content.every((byte) => byte < 0x80),
      'parse',
      'text outside ASCII',
    )
  }
  try {
    return fromUtf8(node.content)
  } catch (cause) {
    throw new AttestationError('parse', 'text is not UTF-8', { cause })
  }
}

const UTC_TIME = /^(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/
const GENERALIZED_TIME = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/

/**
 * A UTCTime or GeneralizedTime in the only forms that X.509 allows: seconds, "Z", no fraction.
 * @see RFC 5280 section 4.1.2.5
 */
export function time(node: DerNode): UnixSeconds {
  const utc = node.tag === TAG.utcTime
  demand(utc || node.tag === TAG.generalizedTime, 'parse', `DER tag ${node.tag} is not a time`)
  demand(node.content.length <= 15, 'parse', 'time form')
  const fields = (utc ? UTC_TIME : GENERALIZED_TIME).exec(String.fromCharCode(...node.content))
  demand(fields !== null, 'parse', 'time form')
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = fields
    .slice(1)
    .map(Number)
  // RFC 5280: two-digit years from 50 up are in the twentieth century.
  const fullYear = utc ? (year >= 50 ? 1900 + year : 2000 + year) : year
  const date = new Date(Date.UTC(2000, month - 1, day, hour, minute, second))
  date.setUTCFullYear(fullYear, month - 1, day)
  const same =
    date.getUTCMonth() === month - 1 && date.getUTCDate() === day && hour < 24 && minute < 60
  demand(same && second < 60 && date.getTime() >= 0, 'parse', 'time out of range')
  return unixSeconds(date.getTime() / 1000)
}
