import { and, asc, count, eq, gt, lte } from 'drizzle-orm'
import type { Store } from '../db/db.ts'
import type { TonAddress } from '../db/ids.ts'
import { chainCursors, chainStaging } from '../db/schema.ts'
import { ltText } from '../ledger/cursor.ts'
import type { Chain, TransactionId, WalkedTransaction } from './chain.ts'
import { MoneyError } from './errors.ts'
import { readTransaction } from './toncenter.ts'

/** Below toncenter's 100. */
const PAGE = 99

/** Where the known history of a contract ends; null before the first transaction. */
export function readCursor(store: Store, address: TonAddress): TransactionId | null {
  const row = store.db.select().from(chainCursors).where(eq(chainCursors.address, address)).get()
  return row === undefined ? null : { lt: BigInt(row.lt), hash: row.hash }
}

/**
 * Walks from a contract's newest transaction down to the cursor by the hash chain and stages every row, so that an outage of
 * any length is caught up in bounded memory and a walk that was cut resumes where it was.
 * @returns whether anything is new; mostly nothing is, and then nothing was written or needs to be read
 * @throws MoneyError `gap`, `fork` when the provider's history does not meet ours
 */
export async function walkToCursor(
  { store, chain }: { readonly store: Store; readonly chain: Chain },
  address: TonAddress,
  top: TransactionId,
): Promise<boolean> {
  const cursor = readCursor(store, address)
  if (isSame(top, cursor)) return false
  let next: TransactionId | null = top
  let walked = 0
  while (next !== null && !isSame(next, cursor)) {
    if (cursor !== null && next.lt <= cursor.lt) {
      throw new MoneyError('fork', `the chain passes our transaction ${cursor.lt} by`)
    }
    let previous = findStaged(store, address, next)
    if (previous === undefined) {
      stage(store, address, await chain.transactions(address, next, PAGE))
      previous = findStaged(store, address, next)
    }
    if (previous === undefined) throw new MoneyError('gap', `transaction ${next.lt} is missing`)
    walked++
    next = previous
  }
  if (next === null && cursor !== null) {
    throw new MoneyError('fork', `the chain has no transaction ${cursor.lt}`)
  }
  refuseLeftovers(store, address, { walked, top })
  return true
}

/** Rows that are not on the way, from a provider that told another story before: all are walked again. */
function refuseLeftovers(
  store: Store,
  address: TonAddress,
  { walked, top }: { readonly walked: number; readonly top: TransactionId },
): void {
  const between = aboveCursor(store, address, top)
  const [staged] = store.db.select({ rows: count() }).from(chainStaging).where(between).all()
  if (staged?.rows === walked) return
  store.db.delete(chainStaging).where(eq(chainStaging.address, address)).run()
  throw new MoneyError('fork', 'a provider told two stories')
}

function aboveCursor(store: Store, address: TonAddress, top: TransactionId) {
  const cursor = readCursor(store, address)
  return and(
    eq(chainStaging.address, address),
    gt(chainStaging.lt, ltText(cursor?.lt ?? 0n)),
    lte(chainStaging.lt, ltText(top.lt)),
  )
}

/** The oldest staged transactions above the cursor, at most up to `top`. */
export function readStaged(
  store: Store,
  address: TonAddress,
  { top, limit }: { readonly top: TransactionId; readonly limit: number },
): readonly WalkedTransaction[] {
  const rows = store.db
    .select()
    .from(chainStaging)
    .where(aboveCursor(store, address, top))
    .orderBy(asc(chainStaging.lt))
    .limit(limit)
    .all()
  return rows.map(({ boc }) => readTransaction(boc))
}

function isSame(a: TransactionId, b: TransactionId | null): boolean {
  return b !== null && a.lt === b.lt && a.hash === b.hash
}

/** The transaction before a staged one; undefined when it is not staged. */
function findStaged(
  store: Store,
  address: TonAddress,
  { lt, hash }: TransactionId,
): TransactionId | null | undefined {
  const row = store.db
    .select()
    .from(chainStaging)
    .where(and(eq(chainStaging.address, address), eq(chainStaging.lt, ltText(lt))))
    .get()
  if (row === undefined || row.hash !== hash) return undefined
  return row.prev_hash === '' ? null : { lt: BigInt(row.prev_lt), hash: row.prev_hash }
}

function stage(store: Store, address: TonAddress, page: readonly WalkedTransaction[]): void {
  const cursor = readCursor(store, address)
  const rows = page
    .filter(({ id }) => cursor === null || id.lt > cursor.lt)
    .map(({ id, previous, boc }) => ({
      address,
      lt: ltText(id.lt),
      hash: id.hash,
      prev_lt: ltText(previous?.lt ?? 0n),
      prev_hash: previous?.hash ?? '',
      boc,
    }))
  if (rows.length === 0) return
  store.transaction(() => {
    for (const row of rows) {
      store.db
        .insert(chainStaging)
        .values(row)
        .onConflictDoUpdate({
          target: [chainStaging.address, chainStaging.lt],
          set: row,
        })
        .run()
    }
  })
}
