import type { Transaction } from '@ton/core'
import { and, eq, inArray, lte, sql } from 'drizzle-orm'
import { type Nano, nano } from '#base/nano.ts'
import type { Store } from '../db/db.ts'
import type { TonAddress } from '../db/ids.ts'
import { chainEvents } from '../db/schema.ts'
import { ltText } from '../ledger/cursor.ts'
import type { Chain, Head, TransactionId, WalkedTransaction } from './chain.ts'
import { MoneyError } from './errors.ts'
import { readCursor } from './walk.ts'

/** Below toncenter's 100. */
const PAGE = 99

export interface Rescan {
  /** Transactions of the whole history, as far as the cursor. */
  readonly transactions: number
  /** Those that our books do not have: a provider hid them. */
  readonly missing: readonly WalkedTransaction[]
  /** Rows of ours that the chain does not have. */
  readonly invented: number
  /** What all of them left in the contract, and what it holds after the newest of them. */
  readonly computed: Nano
  readonly balance: Nano
}

/** Beyond that something is broken, and naming more of it helps nobody. */
const MAX_MISSING = 1_000

/**
 * Reads a contract's whole history again, newest to oldest by the hash chain, a page at a time, and compares it with what was
 * taken over (A22): every transaction, and the balance that they add up to. Memory stays that of one page.
 * @throws MoneyError
 */
export async function rescan(
  { store, chain }: { readonly store: Store; readonly chain: Chain },
  address: TonAddress,
  head: Head,
): Promise<Rescan> {
  const cursor = readCursor(store, address)
  const missing: WalkedTransaction[] = []
  let [transactions, computed] = [0, 0n]
  for (let next: TransactionId | null = head.last; next !== null; ) {
    const page: readonly WalkedTransaction[] = await chain.transactions(address, next, PAGE)
    for (const { transaction } of page) computed += balanceChange(transaction)
    const taken = page.filter(({ id }) => cursor !== null && id.lt <= cursor.lt)
    transactions += taken.length
    missing.push(...unknownOf(store, address, taken))
    if (missing.length > MAX_MISSING) throw new MoneyError('gap', 'most of the history is missing')
    next = page.at(-1)?.previous ?? null
  }
  const invented = countEvents(store, address, cursor) - (transactions - missing.length)
  return { transactions, missing, invented, computed: nano(computed), balance: head.balance }
}

/** What a transaction added to its account: what came in, less what went out and all fees. */
function balanceChange({ inMessage, outMessages, totalFees }: Transaction): bigint {
  let change = -totalFees.coins
  if (inMessage?.info.type === 'internal') change += inMessage.info.value.coins
  for (const { info } of outMessages.values()) {
    if (info.type === 'internal') change -= info.value.coins + info.forwardFee + info.ihrFee
  }
  return change
}

function unknownOf(
  { db }: Store,
  address: TonAddress,
  page: readonly WalkedTransaction[],
): readonly WalkedTransaction[] {
  if (page.length === 0) return []
  const lts = page.map(({ id }) => ltText(id.lt))
  const rows = db
    .select({ lt: chainEvents.lt, hash: chainEvents.hash })
    .from(chainEvents)
    .where(and(eq(chainEvents.address, address), inArray(chainEvents.lt, lts)))
    .all()
  const known = new Map(rows.map(({ lt, hash }) => [lt, hash]))
  return page.filter(({ id }) => known.get(ltText(id.lt)) !== id.hash)
}

function countEvents({ db }: Store, address: TonAddress, cursor: TransactionId | null): number {
  if (cursor === null) return 0
  const row = db
    .select({ count: sql<number>`COUNT(*)` })
    .from(chainEvents)
    .where(and(eq(chainEvents.address, address), lte(chainEvents.lt, ltText(cursor.lt))))
    .get()
  return row?.count ?? 0
}
