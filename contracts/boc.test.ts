import { beginCell, type Cell, Dictionary } from '@ton/core'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { hex } from '#base/bytes.ts'
import { ReadError } from '#base/reader.ts'
import { webSha256 } from './bit-cell.ts'
import { readBoc, readCellHash } from './boc.ts'
import { CellSlice, readDictionary } from './cell-slice.ts'
import { registryCode, tillCode } from './index.ts'

const bytesOf = (cell: Cell, options?: Parameters<Cell['toBoc']>[0]) =>
  new Uint8Array(cell.toBoc(options))

test('reads what @ton/core writes, and hashes it the same', async () => {
  for (const cell of [registryCode(), tillCode(), beginCell().endCell()]) {
    for (const options of [{}, { idx: false, crc32: false }, { idx: true, crc32: true }]) {
      const read = readBoc(bytesOf(cell, options))
      expect(hex(await readCellHash(read, webSha256))).toBe(hex(cell.hash()))
    }
  }
})

test('reads every dictionary that @ton/core writes', () => {
  const entries = fc.array(fc.tuple(fc.bigInt({ min: 0n, max: (1n << 264n) - 1n }), fc.nat()), {
    maxLength: 60,
  })
  fc.assert(
    fc.property(entries, fc.constantFrom(264, 300), (list, bits) => {
      const dictionary = Dictionary.empty(Dictionary.Keys.BigUint(bits), Dictionary.Values.Uint(32))
      for (const [key, value] of list) dictionary.set(key, value)
      const cell = beginCell().storeUint(5, 3).storeDict(dictionary).endCell()
      const slice = new CellSlice(readBoc(bytesOf(cell)))
      expect(slice.uint(3)).toBe(5n)
      const root = slice.bit() === 1 ? slice.ref() : undefined
      const read = readDictionary(root, bits, (leaf) => Number(leaf.uint(32)))
      expect(new Map(read)).toEqual(new Map(dictionary))
      expect(read.map(([key]) => key)).toEqual([...read.map(([key]) => key)].sort(compare))
    }),
    { numRuns: 60 },
  )
})

const compare = (a: bigint, b: bigint): number => (a < b ? -1 : a > b ? 1 : 0)

test('damaged bags are refused, and none hangs', () => {
  const good = bytesOf(registryCode())
  fc.assert(
    fc.property(fc.nat(good.length - 1), fc.nat(255), fc.nat(good.length), (at, byte, length) => {
      const bad = good.slice()
      bad[at] = byte
      for (const bytes of [bad, good.slice(0, length)]) {
        try {
          readBoc(bytes)
        } catch (error) {
          expect(error).toBeInstanceOf(ReadError)
        }
      }
    }),
    { numRuns: 400 },
  )
  expect(() => readBoc(new Uint8Array(good.slice(0, -5)))).toThrow(ReadError)
})

test('a reference back to an earlier cell is refused', () => {
  const chain = beginCell().storeRef(beginCell().storeUint(1, 8).endCell()).endCell()
  const bytes = bytesOf(chain, { idx: false, crc32: false })
  const at = bytes.lastIndexOf(1, bytes.length - 4)
  const bad = bytes.slice()
  bad[at] = 0
  expect(() => readBoc(bad)).toThrow(/forward/)
})

test('a bag that shares one cell into endless entries is refused', () => {
  let cell = beginCell().storeUint(0, 2).endCell()
  // Each level forks to the same cell twice: 2^264 entries in 265 cells.
  for (let i = 0; i < 264; i++)
    cell = beginCell().storeUint(0, 2).storeRef(cell).storeRef(cell).endCell()
  expect(() => readDictionary(readBoc(bytesOf(cell)), 264, () => 0)).toThrow(/too many/)
})
