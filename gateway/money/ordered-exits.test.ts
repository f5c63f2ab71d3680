import { afterEach, beforeEach, expect, test } from 'vitest'
import { orderedExits } from '../ledger/exits.ts'
import { HOST, mirror, NOW, TILL } from '../ledger/testing/fixtures.ts'
import { manyAccounts } from '../ledger/testing/parallel.ts'
import { type Books, openBooks } from './testing/money-world.ts'

const order = { to: HOST, signature: 'aa' }
const accounts = [...manyAccounts(120)].sort()
let books: Books

beforeEach(async () => {
  books = openBooks()
  for (const account of accounts) {
    const exit = { op: 'order_exit', account, till: TILL, order, nonce: 0, at: NOW } as const
    await books.ledger.commit([mirror(account, 1_000n), exit])
  }
})
afterEach(() => books.close())

const roundAt = (chance: number): string[] =>
  orderedExits(books.store, TILL, () => chance).map(({ account }) => account)

test('a round goes on from the place that chance gives, and around', () => {
  expect(roundAt(0)).toEqual(accounts.slice(0, 50))
  expect(roundAt(0.5)).toEqual(accounts.slice(60, 110))
  expect(roundAt(0.999)).toEqual([...accounts.slice(119), ...accounts.slice(0, 49)])
})

test('the same chance gives the same round', () => {
  for (const chance of [0, 0.3, 0.9]) expect(roundAt(chance)).toEqual(roundAt(chance))
})

test('nobody waits for ever', () => {
  const seen = new Set<string>()
  for (let chance = 0; chance < 1; chance += 0.05) for (const id of roundAt(chance)) seen.add(id)
  expect(seen.size).toBe(accounts.length)
})
