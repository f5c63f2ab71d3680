import { type Bytes, concatAll } from '#base/bytes.ts'
import type { BitCell } from './bit-cell.ts'

/** A cell with the cells below it, as a body that some wallet will send. */
export interface TreeCell extends BitCell {
  readonly refs?: readonly TreeCell[]
}

const MAGIC = Uint8Array.of(0xb5, 0xee, 0x9c, 0x72)
const MAX_CELLS = 255

/**
 * A bag of one root, without index and checksum and without @ton/core: browsers hand bodies to wallets by it.
 * @see https://docs.ton.org/tvm.pdf, "bag of cells", `serialized_boc#b5ee9c72`
 */
export function writeBoc(root: TreeCell): Bytes {
  const cells: TreeCell[] = [root]
  const refsOf = new Map<TreeCell, readonly number[]>()
  for (const cell of cells) {
    const refs = cell.refs ?? []
    refsOf.set(
      cell,
      refs.map((_, i) => cells.length + i),
    )
    cells.push(...refs)
    if (cells.length > MAX_CELLS) throw new RangeError('a body has at most 255 cells')
  }
  const bodies = cells.map((cell) => cellBytes(cell, refsOf.get(cell) ?? []))
  const size = bodies.reduce((sum, body) => sum + body.length, 0)
  const header = Uint8Array.of(1, 2, cells.length, 1, 0, size >> 8, size & 0xff, 0)
  return concatAll([MAGIC, header, ...bodies])
}

function cellBytes({ bytes, bitLength }: BitCell, refs: readonly number[]): Bytes {
  const data = new Uint8Array(bytes)
  const spare = data.length * 8 - bitLength
  if (spare > 0) data[data.length - 1] = (data.at(-1) ?? 0) | (1 << (spare - 1))
  const head = Uint8Array.of(refs.length, Math.floor(bitLength / 8) + Math.ceil(bitLength / 8))
  return concatAll([head, data, Uint8Array.from(refs)])
}
