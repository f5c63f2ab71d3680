import type { Bytes } from '#base/bytes.ts'
import { AttestationError } from '../errors.ts'

/**
 * A strict reader of the distinguished encoding rules: definite minimal lengths, single-byte tags,
 * nothing after the end. Nodes are views into the input; nothing is copied and nothing recurses.
 * @see ITU-T X.690 sections 8.1 and 10
 */
export interface DerNode {
  /** The identifier octet, class and constructed bit included. */
  readonly tag: number
  /** The whole value with its header: what signatures cover and what names compare by. */
  readonly raw: Bytes
  readonly content: Bytes
}

export const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  oid: 0x06,
  enumerated: 0x0a,
  utf8String: 0x0c,
  printableString: 0x13,
  ia5String: 0x16,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const

/** `[n]`, constructed: explicit tags and implicitly tagged structures. */
export function contextTag(n: number): number {
  return 0xa0 | n
}

/** `[n]`, primitive: implicitly tagged simple values. */
export function contextPrimitiveTag(n: number): number {
  return 0x80 | n
}

/** Reads the values inside one constructed value, in order. */
export class DerReader {
  readonly #bytes: Bytes
  #at = 0

  constructor(content: Bytes) {
    this.#bytes = content
  }

  get done(): boolean {
    return this.#at === this.#bytes.length
  }

  /** The next value's tag, or undefined at the end. */
  peek(): number | undefined {
    return this.#bytes[this.#at]
  }

  /** The next value; of this tag, if one is given. */
  next(tag?: number): DerNode {
    const node = readNode(this.#bytes, this.#at)
    if (tag !== undefined && node.tag !== tag) {
      throw new AttestationError('parse', `DER tag ${node.tag}, expected ${tag}`)
    }
    this.#at += node.raw.length
    return node
  }

  /** The next value if it has this tag. */
  optional(tag: number): DerNode | undefined {
    return this.peek() === tag ? this.next(tag) : undefined
  }

  /** Enters the next value, which must have this tag. */
  enter(tag: number = TAG.sequence): DerReader {
    return new DerReader(this.next(tag).content)
  }

  /** Refuses leftovers. */
  end(): void {
    if (!this.done) throw new AttestationError('parse', 'DER value has trailing bytes')
  }
}

/** Exactly one value, nothing after it. */
export function readDer(bytes: Bytes, tag?: number): DerNode {
  const reader = new DerReader(bytes)
  const node = reader.next(tag)
  reader.end()
  return node
}

/** All values inside a constructed value. */
export function derChildren(node: DerNode): DerNode[] {
  const reader = new DerReader(node.content)
  const nodes: DerNode[] = []
  while (!reader.done) nodes.push(reader.next())
  return nodes
}

function readNode(bytes: Bytes, at: number): DerNode {
  const tag = bytes[at]
  const first = bytes[at + 1]
  if (tag === undefined || first === undefined) throw new AttestationError('parse', 'DER is cut')
  if ((tag & 0x1f) === 0x1f) throw new AttestationError('parse', 'DER tag number above 30')
  const { length, header } = first < 0x80 ? { length: first, header: 2 } : longLength(bytes, at)
  const start = at + header
  // `length` is below 2^32, so the sum is exact.
  if (start + length > bytes.length) throw new AttestationError('parse', 'DER is cut')
  return {
    tag,
    raw: bytes.subarray(at, start + length),
    content: bytes.subarray(start, start + length),
  }
}

function longLength(bytes: Bytes, at: number): { length: number; header: number } {
  const count = (bytes[at + 1] ?? 0) & 0x7f
  // 0x80 is the indefinite form; five or more octets exceed every limit that we set.
  if (count === 0 || count > 4) throw new AttestationError('parse', 'DER length form')
  let length = 0
  for (let i = 0; i < count; i++) {
    const byte = bytes[at + 2 + i]
    if (byte === undefined) throw new AttestationError('parse', 'DER is cut')
    if (i === 0 && byte === 0) throw new AttestationError('parse', 'DER length is not minimal')
    length = length * 256 + byte
  }
  if (length < 0x80) throw new AttestationError('parse', 'DER length is not minimal')
  return { length, header: 2 + count }
}
