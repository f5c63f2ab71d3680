import { beginCell, type Cell } from '@ton/core'
import { expect } from 'vitest'
import { accountIdFromNumber, accountNumber, formatMemo, parseMemo } from '../../account-id.ts'
import type { TillWorld } from '../till-world.ts'
import type { Rule } from './rule.ts'

const ID = accountIdFromNumber(0x1234567890abcdef1234567890abcdef123456n)
const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'
const WRONG_CHECK = `${ID.slice(0, 31)}${ID[31] === '7' ? '8' : '7'}`

/** A text of the wrong length whose last bits would pass as the check of the others. */
function wellChecked(length: number): string {
  for (let i = 0; i < 1024; i++) {
    const text = `${'0'.repeat(length - 2)}${ALPHABET[i >> 5]}${ALPHABET[i & 31]}`
    let value = 1n
    for (const char of text) value = (value << 5n) | BigInt(ALPHABET.indexOf(char))
    if (((value >> 8n) & ((1n << 152n) - 1n)) % 251n === (value & 255n)) return text
  }
  throw new Error('no such text')
}

const TEXTS: readonly string[] = [
  ID,
  formatMemo(ID),
  ID.toLowerCase(),
  ` ${formatMemo(ID)} `,
  ID.replaceAll('0', 'O').replaceAll('1', 'l'),
  ID.replaceAll('0', 'o').replaceAll('1', 'i'),
  `${'-'.repeat(16)}${ID}`,
  `${'-'.repeat(17)}${ID}`,
  `${ID}0`,
  `${ID}\u0000`,
  `${ID}U`,
  ID.slice(1),
  ID.replace(/.$/, 'U'),
  WRONG_CHECK,
  ID.replace(/.$/, '\u00e9'),
  `${formatMemo(ID)}\u00a0`,
  '',
  '-'.repeat(32),
  '0'.repeat(31),
  '0'.repeat(32),
  '0'.repeat(33),
  wellChecked(31),
]

async function readByTill(world: TillWorld, cell: Cell): Promise<bigint> {
  const stack = [{ type: 'slice' as const, cell }]
  const { stackReader } = await world.chain.runGetMethod(world.till.address, 'memo_id', stack)
  return stackReader.readBigNumber()
}

const ours = (text: string): bigint => {
  const id = parseMemo(text)
  return id === undefined ? -1n : accountNumber(id)
}

export const MEMO_RULES: readonly Rule[] = [
  {
    title: 'the Till reads memos and near-memos exactly as the wrappers do',
    run: async (open) => {
      const world = await open()
      for (const text of TEXTS) {
        const cell = beginCell().storeBuffer(Buffer.from(text)).endCell()
        expect([text, await readByTill(world, cell)]).toEqual([text, ours(text)])
      }
    },
  },
  {
    title: 'the Till reads every single byte in a memo’s place as the wrappers do',
    run: async (open) => {
      const world = await open()
      for (const at of [10, 38]) {
        for (let byte = 0; byte < 256; byte++) {
          const bytes = Buffer.from(formatMemo(ID), 'latin1')
          bytes[at] = byte
          const cell = beginCell().storeBuffer(bytes).endCell()
          expect([byte, await readByTill(world, cell)]).toEqual([
            byte,
            ours(bytes.toString('latin1')),
          ])
        }
      }
    },
  },
  {
    title: 'a memo lies in one cell, in whole bytes',
    run: async (open) => {
      const world = await open()
      const memo = beginCell().storeBuffer(Buffer.from(ID))
      expect(await readByTill(world, memo.endCell())).toBe(accountNumber(ID))
      expect(
        await readByTill(world, beginCell().storeBuilder(memo).storeUint(0, 3).endCell()),
      ).toBe(-1n)
      const tail = beginCell().storeBuffer(Buffer.from(' ')).endCell()
      expect(await readByTill(world, beginCell().storeBuilder(memo).storeRef(tail).endCell())).toBe(
        -1n,
      )
    },
  },
]
