import type { Bytes } from '#base/bytes.ts'
import { ReadError } from '#base/reader.ts'
import type { ReadCell } from './boc.ts'

/** Reads a cell's bits and references in order; every over-read throws. */
export class CellSlice {
  readonly #cell: ReadCell
  #bit = 0
  #ref = 0

  constructor(cell: ReadCell) {
    this.#cell = cell
  }

  get remainingBits(): number {
    return this.#cell.bitLength - this.#bit
  }

  bit(): number {
    if (this.remainingBits < 1) throw new ReadError('the cell has no more bits')
    const byte = this.#cell.data[this.#bit >> 3] ?? 0
    const value = (byte >> (7 - (this.#bit & 7))) & 1
    this.#bit += 1
    return value
  }

  uint(bits: number): bigint {
    let value = 0n
    for (let i = 0; i < bits; i++) value = (value << 1n) | BigInt(this.bit())
    return value
  }

  bytes(length: number): Bytes {
    return Uint8Array.from({ length }, () => Number(this.uint(8)))
  }

  ref(): ReadCell {
    const found = this.#cell.refs[this.#ref]
    if (found === undefined) throw new ReadError('the cell has no more references')
    this.#ref += 1
    return found
  }
}

/** More than any contract here can hold; shared cells could pretend any number. */
const MAX_ENTRIES = 100_000

/**
 * Every entry of a dictionary, in the order of keys.
 * @param keyBits the length of its keys
 * @param root undefined for the empty dictionary
 * @throws ReadError
 * @see https://docs.ton.org/tvm.pdf section 3.3, `hm_edge`
 */
export function readDictionary<Value>(
  root: ReadCell | undefined,
  keyBits: number,
  value: (slice: CellSlice) => Value,
): readonly (readonly [key: bigint, value: Value])[] {
  if (root === undefined) return []
  const found: (readonly [bigint, Value])[] = []
  const edges = [{ cell: root, prefix: 0n, bits: keyBits }]
  for (let edge = edges.pop(); edge !== undefined; edge = edges.pop()) {
    const slice = new CellSlice(edge.cell)
    const label = readLabel(slice, edge.bits)
    const prefix = (edge.prefix << BigInt(label.bits)) | label.value
    const left = edge.bits - label.bits
    if (left === 0) {
      if (found.length === MAX_ENTRIES) throw new ReadError('too many entries')
      found.push([prefix, value(slice)])
      continue
    }
    const [zero, one] = [slice.ref(), slice.ref()]
    edges.push({ cell: one, prefix: (prefix << 1n) | 1n, bits: left - 1 })
    edges.push({ cell: zero, prefix: prefix << 1n, bits: left - 1 })
  }
  return found
}

/** `hml_short`, `hml_long` or `hml_same`, of at most `most` bits. */
function readLabel(
  slice: CellSlice,
  most: number,
): { readonly bits: number; readonly value: bigint } {
  if (slice.bit() === 0) {
    let bits = 0
    while (slice.bit() === 1) bits += 1
    return bounded({ bits, value: slice.uint(bits) }, most)
  }
  const lengthBits = most.toString(2).length
  if (slice.bit() === 0) {
    const bits = Number(slice.uint(lengthBits))
    return bounded({ bits, value: slice.uint(bits) }, most)
  }
  const same = BigInt(slice.bit())
  const bits = Number(slice.uint(lengthBits))
  return bounded({ bits, value: same === 0n ? 0n : (1n << BigInt(bits)) - 1n }, most)
}

function bounded<Label extends { readonly bits: number }>(label: Label, most: number): Label {
  if (label.bits > most) throw new ReadError('a label longer than its key')
  return label
}
