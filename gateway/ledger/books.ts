import type { UnixMs } from '#base/brand.ts'
import type { Nano } from '#base/nano.ts'
import { columnNumber } from '../db/columns.ts'
import type { Store } from '../db/db.ts'
import type { AccountId, TonAddress } from '../db/ids.ts'
import { numberIn } from '../db/row.ts'
import type { HostSide } from './host-side.ts'
import type { Tail } from './tail.ts'
import { openTermsBook, type TermsBook } from './terms-book.ts'

/** Names in the journal. */
export const acct = (id: AccountId): string => `acct:${id}`
export const host = (payee: TonAddress): string => `host:${payee}`
/** Costs on their way from developers to hosts and fees. */
export const CLEARING = 'clearing'
export const FEES = 'fees'
/** The Till: deposits come from it, exits and redeems go to it. */
export const CHAIN = 'chain'
/** Usage that exits took out before it was charged: minus the debts of all accounts. */
export const LOSSES = 'losses'

export interface Transfer {
  readonly kind:
    | 'deposit'
    | 'share'
    | 'commission'
    | 'withdrawal'
    | 'shortfall'
    | 'recovery'
    | 'payout'
    | 'fees'
  readonly source: string
  readonly target: string
  readonly amount: Nano
  readonly at: UnixMs
}

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
  /** Writes one movement; zero moves nothing. */
  post(transfer: Transfer): void
  /** Forgets everything remembered since the transaction began: it was undone. */
  reset(): void
}

export function openBooks(
  store: Store,
  hosts: (post: Books['post']) => HostSide,
  tail: Tail,
): Books {
  const insert = store.prepare(
    'INSERT INTO transfers (kind, source, target, amount, at) VALUES (?, ?, ?, ?, ?)',
  )
  const post = (t: Transfer): void => {
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
