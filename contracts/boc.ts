import { type Bytes, concatAll, copyBytes } from '#base/bytes.ts'
import { ByteReader, ReadError } from '#base/reader.ts'
import type { Sha256 } from './bit-cell.ts'

/** An ordinary cell: up to 1023 bits and four references. */
export interface ReadCell {
  /** Descriptors and padded data, as they are hashed. */
  readonly head: Bytes
  readonly data: Bytes
  readonly bitLength: number
  readonly refs: readonly ReadCell[]
}

const MAGIC = 0xb5ee9c72
const MAX_BYTES = 1024 * 1024
const MAX_CELLS = 20_000
const MAX_REFS = 4
const HAS_INDEX = 0x80
const HAS_CRC = 0x40
const SIZE_BITS = 0x07
const EXOTIC_OR_LEVEL = 0xf8

/**
 * The one root of a bag of cells, without @ton/core: a browser reads the Registry by it. Exotic cells are refused, and
 * references may only lead forward, so that there is no cycle.
 * @throws ReadError
 * @see https://docs.ton.org/tvm.pdf, "bag of cells", `serialized_boc#b5ee9c72`
 */
export function readBoc(bytes: Bytes): ReadCell {
  if (bytes.length > MAX_BYTES) throw new ReadError('the bag of cells is too large')
  const reader = new ByteReader(bytes)
  if (reader.u32be() !== MAGIC) throw new ReadError('not a bag of cells')
  const flags = reader.u8()
  const size = flags & SIZE_BITS
  const offsetBytes = reader.u8()
  const count = uint(reader, size)
  const roots = uint(reader, size)
  const absent = uint(reader, size)
  uint(reader, offsetBytes)
  if (roots !== 1 || absent !== 0) throw new ReadError('not one whole bag of one root')
  if (count < 1 || count > MAX_CELLS) throw new ReadError('too many cells')
  const root = uint(reader, size)
  if ((flags & HAS_INDEX) !== 0) reader.skip(count * offsetBytes)
  const raw = Array.from({ length: count }, () => readRaw(reader, size))
  if ((flags & HAS_CRC) !== 0) reader.skip(4)
  reader.end()
  return linked(raw, root)
}

interface RawCell extends Omit<ReadCell, 'refs'> {
  readonly indices: readonly number[]
}

function readRaw(reader: ByteReader, size: number): RawCell {
  const head = reader.take(2)
  const [refs = 0, length = 0] = head
  if ((refs & EXOTIC_OR_LEVEL) !== 0 || refs > MAX_REFS) throw new ReadError('not an ordinary cell')
  const data = reader.take(Math.ceil(length / 2))
  const indices = Array.from({ length: refs }, () => uint(reader, size))
  return { head, data, bitLength: bitLengthOf(data, length), indices }
}

/** An odd length means that the data ends with a 1 and zeros that only fill the byte. */
function bitLengthOf(data: Bytes, length: number): number {
  if (length % 2 === 0) return data.length * 8
  const last = data.at(-1) ?? 0
  if (last === 0) throw new ReadError('a cell without its completion bit')
  return data.length * 8 - 1 - Math.log2(last & -last)
}

/** From the last cell back: every reference is to a cell that is there already. */
function linked(raw: readonly RawCell[], root: number): ReadCell {
  const cells: ReadCell[] = []
  for (let i = raw.length - 1; i >= 0; i--) {
    const { indices = [], ...cell } = raw[i] ?? {}
    const refs = indices.map((index) => {
      const target = index > i ? cells[index] : undefined
      if (target === undefined) throw new ReadError('a reference that does not lead forward')
      return target
    })
    // Sound: raw[i] exists, the index runs over the list.
    cells[i] = { ...(cell as Omit<RawCell, 'indices'>), refs }
  }
  const found = cells[root]
  if (found === undefined) throw new ReadError('no such root')
  return found
}

function uint(reader: ByteReader, length: number): number {
  if (length < 1 || length > 4) throw new ReadError('not a size of this format')
  let value = 0
  for (let i = 0; i < length; i++) value = value * 256 + reader.u8()
  return value
}

/** The representation hash of an ordinary cell. @see https://docs.ton.org/tvm.pdf section 3.1.5 */
export async function readCellHash(cell: ReadCell, sha256: Sha256): Promise<Bytes> {
  const known = new Map<ReadCell, Promise<{ readonly hash: Bytes; readonly depth: number }>>()
  const visit = (next: ReadCell): Promise<{ readonly hash: Bytes; readonly depth: number }> => {
    const hashed = known.get(next) ?? hashOf(next)
    known.set(next, hashed)
    return hashed
  }
  const hashOf = async ({ head, data, refs }: ReadCell) => {
    const below = await Promise.all(refs.map(visit))
    const depths = below.map(({ depth }) => Uint8Array.of(depth >> 8, depth & 0xff))
    const hashes = below.map(({ hash }) => hash)
    const hash = await sha256(copyBytes(concatAll([head, data, ...depths, ...hashes])))
    return { hash, depth: below.reduce((most, { depth }) => Math.max(most, depth + 1), 0) }
  }
  return (await visit(cell)).hash
}
