import { afterEach, beforeEach, expect, test } from 'vitest'
import type { AccountId } from '../db/ids.ts'
import type { Chain } from './chain.ts'
import {
  type Books,
  chainAt,
  openBooks,
  openWatcher,
  openWorld,
  testAccount,
  type World,
} from './testing/money-world.ts'
import { readCursor, readStaged, walkToCursor } from './walk.ts'

let world: World
let books: Books
let alice: AccountId

beforeEach(async () => {
  world = await openWorld()
  books = openBooks()
  alice = (await testAccount('alice')).id
  await world.deposit(alice, '5')
  await openWatcher(world, books).tick()
})
afterEach(async () => {
  books.close()
  await world.close()
})

/** The real one, and what it was asked for. */
function counted(): { readonly chain: Chain; readonly pages: string[] } {
  const chain = chainAt(world.dev.endpoint)
  const pages: string[] = []
  return {
    pages,
    chain: {
      ...chain,
      transactions: (address, anchor, limit) => {
        pages.push(anchor.hash)
        return chain.transactions(address, anchor, limit)
      },
    },
  }
}

const written = () => books.store.prepare('SELECT total_changes()').get()

test('where nothing is new, a walk asks for nothing, writes nothing and says so', async () => {
  const { chain, pages } = counted()
  const top = readCursor(books.store, world.till)
  if (top === null) throw new Error('the watcher has walked')
  const before = written()
  expect(await walkToCursor({ store: books.store, chain }, world.till, top)).toBe(false)
  expect(pages).toEqual([])
  expect(written()).toEqual(before)
})

test('one transaction more is walked to and staged', async () => {
  const { chain, pages } = counted()
  const cursor = readCursor(books.store, world.till)
  await world.deposit(alice, '2')
  const { last: top } = await chain.head(world.till)
  if (top === null) throw new Error('the Till has a history')
  expect(await walkToCursor({ store: books.store, chain }, world.till, top)).toBe(true)
  expect(pages).toEqual([top.hash])
  const staged = readStaged(books.store, world.till, { top, limit: 10 })
  expect(staged.map(({ id }) => id)).toEqual([top])
  expect(staged[0]?.previous).toEqual(cursor)
})

test('the same place under another hash is not the end of the way', async () => {
  const { chain } = counted()
  const top = readCursor(books.store, world.till)
  if (top === null) throw new Error('the watcher has walked')
  const other = { ...top, hash: '00'.repeat(32) }
  await expect(
    walkToCursor({ store: books.store, chain }, world.till, other),
  ).rejects.toMatchObject({ code: 'fork' })
})
