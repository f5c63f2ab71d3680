import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  accountIdFromNumber,
  accountMode,
  accountNumber,
  formatMemo,
  parseAccountId,
  parseMemo,
} from './account-id.ts'

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
