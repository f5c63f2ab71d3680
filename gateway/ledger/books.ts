import type { Nano } from '#base/nano.ts'
import { columnNumber } from '../db/columns.ts'
import type { Store } from '../db/db.ts'
import type { AccountId } from '../db/ids.ts'
import { numberIn } from '../db/row.ts'
import type { HostSide } from './host-side.ts'
import type { Post } from './journal.ts'
import type { Tail } from './tail.ts'
import { openTermsBook, type TermsBook } from './terms-book.ts'

/** What every operation works on. */
export interface Books {
  readonly store: Store
  readonly hosts: HostSide
  readonly terms: TermsBook
  readonly tail: Tail
  /** The short name of an account, or undefined when nobody opened it. */
  accountNo(id: AccountId): number | undefined
  /** Some accounts are no more: their numbers must mean nothing. */
  forgetAccountNumbers(): void
  readonly post: Post
  /** Forgets everything remembered since the transaction began: it was undone. */
  reset(): void
}

export function openBooks(store: Store, hosts: (post: Post) => HostSide, tail: Tail): Books {
  const insert = store.prepare(
    'INSERT INTO transfers (kind, source, target, amount, at) VALUES (?, ?, ?, ?, ?)',
  )
  const post: Post = (t) => {
    if (t.amount === 0n) return
    insert.run(t.kind, t.source, t.target, columnNumber(t.amount), t.at)
  }
  const numbers = openAccountNumbers(store)
  const terms = openTermsBook(store)
  const hostSide = hosts(post)
  const remembering = [numbers, terms, tail, hostSide]
  return {
    store,
    hosts: hostSide,
    terms,
    tail,
    accountNo: numbers.find,
    forgetAccountNumbers: numbers.reset,
    post,
    reset: () => {
      for (const memory of remembering) memory.reset()
    },
  }
}

/** Accounts whose number is kept in memory; beyond that all are forgotten and read again. */
const MAX_NUMBERS = 100_000

function openAccountNumbers(store: Store): {
  find: (id: AccountId) => number | undefined
  reset: () => void
} {
  const read = store.prepare('SELECT no FROM accounts WHERE id = ?')
  const known = new Map<AccountId, number>()
  return {
    find(id) {
      const remembered = known.get(id)
      if (remembered !== undefined) return remembered
      const row = read.get(id)
      if (row === undefined) return undefined
      if (known.size >= MAX_NUMBERS) known.clear()
      const no = numberIn(row[0])
      known.set(id, no)
      return no
    },
    reset: () => known.clear(),
  }
}

export function least(a: Nano, b: Nano): Nano {
  return a < b ? a : b
}
