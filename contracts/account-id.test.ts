import { beginCell } from '@ton/core'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  type AccountId,
  accountIdFromNumber,
  accountMode,
  accountNumber,
  formatMemo,
  parseAccountId,
  parseMemo,
} from './account-id.ts'
import { TillWorld } from './testing/till-world.ts'

const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'
const numbers = fc.bigInt({ min: 0n, max: (1n << 152n) - 1n })

describe('memo', () => {
  test('every account number survives its text, grouped or not, in any case, with the aliases of Crockford', () => {
    fc.assert(
      fc.property(numbers, (number) => {
        const id = accountIdFromNumber(number)
        expect(id).toMatch(/^[0-9A-HJKMNP-TV-Z]{32}$/)
        expect(accountNumber(id)).toBe(number)
        const aliased = id.replaceAll('0', 'o').replaceAll('1', 'L').toLowerCase()
        for (const text of [id, formatMemo(id), ` ${aliased} `, id.replaceAll('1', 'I')]) {
          expect(parseMemo(text)).toBe(id)
        }
      }),
    )
  })

  test('every wrong character and every swap of neighbours is noticed', () => {
    fc.assert(
      fc.property(numbers, (number) => {
        const id = accountIdFromNumber(number)
        for (let i = 0; i < id.length; i++) {
          for (const other of ALPHABET) {
            if (other === id[i]) continue
            expect(parseMemo(id.slice(0, i) + other + id.slice(i + 1))).toBeUndefined()
          }
          const [a, b] = [id[i], id[i + 1]]
          // The last two characters mix id and check; the swap of every other pair changes the residue.
          if (b === undefined || a === b || i >= 29) continue
          expect(parseMemo(`${id.slice(0, i)}${b}${a}${id.slice(i + 2)}`)).toBeUndefined()
        }
      }),
      { numRuns: 10 },
    )
  })

  test('an id in a key, URL or database has exactly one spelling', () => {
    const id = accountIdFromNumber(123_456_789n)
    expect(parseAccountId(id)).toBe(id)
    for (const text of [id.toLowerCase(), formatMemo(id), ` ${id}`, '', 'x']) {
      expect(() => parseAccountId(text)).toThrow(
        expect.objectContaining({ code: 'bad_account_id' }),
      )
    }
  })

  test('the first bit is the mode', () => {
    expect(accountMode(accountIdFromNumber(1n))).toBe('managed')
    expect(accountMode(accountIdFromNumber((1n << 151n) | 1n))).toBe('sovereign')
    expect(() => accountIdFromNumber(1n << 152n)).toThrow()
    expect(() => accountIdFromNumber(-1n)).toThrow()
  })
})

describe('the Till reads memos exactly as this code does', () => {
  const mutations: readonly ((id: AccountId) => string)[] = [
    (id) => id,
    formatMemo,
    (id) => id.toLowerCase(),
    (id) => ` ${formatMemo(id)} `,
    (id) => id.replaceAll('0', 'O').replaceAll('1', 'l'),
    (id) => `${id}0`,
    (id) => id.slice(1),
    (id) => id.replace(/.$/, 'U'),
    (id) => `${id.slice(0, 31)}${id[31] === '7' ? '8' : '7'}`,
    (id) => `${id}\u0000`,
    (id) => id.replace(/.$/, '\u00e9'),
    (id) => `${'-'.repeat(17)}${id}`,
    (id) => `${'-'.repeat(16)}${id}`,
    () => '',
    () => '-'.repeat(32),
    () => '\u{1F600}'.repeat(8),
    () => '0'.repeat(32),
  ]

  test('on memos and near-memos', async () => {
    const { till } = await TillWorld.create()
    const ids = fc.sample(numbers, { numRuns: 3, seed: 7 }).map(accountIdFromNumber)
    for (const id of ids) {
      for (const mutate of mutations) {
        const text = mutate(id)
        const ours = parseMemo(text)
        const number = ours === undefined ? undefined : accountNumber(ours)
        expect([text, await till.getMemoId(text)]).toEqual([text, number])
      }
    }
  })

  test('on every single byte in place of a character', async () => {
    const { chain, till } = await TillWorld.create()
    const id = accountIdFromNumber(0x1234567890abcdefn << 40n)
    for (let byte = 0; byte < 256; byte++) {
      const bytes = Buffer.from(id, 'latin1')
      bytes[10] = byte
      const cell = beginCell().storeBuffer(bytes).endCell()
      const { stackReader } = await chain.runGetMethod(till.address, 'memo_id', [
        { type: 'slice', cell },
      ])
      const ours = parseMemo(bytes.toString('latin1'))
      const theirs = stackReader.readBigNumber()
      expect([byte, theirs]).toEqual([byte, ours === undefined ? -1n : accountNumber(ours)])
    }
  })
})
