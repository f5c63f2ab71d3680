import { BitString, Cell } from '@ton/core'
import type { Bytes } from '#base/bytes.ts'
import type { BitCell } from './bit-cell.ts'

/** The @ton/core cell of the same bits. */
export function toCell({ bytes, bitLength }: BitCell): Cell {
  return new Cell({ bits: new BitString(Buffer.from(bytes), 0, bitLength) })
}

/** A cell's representation hash as plain bytes: what keys sign. */
export function cellHash(cell: Cell): Bytes {
  return new Uint8Array(cell.hash())
}
