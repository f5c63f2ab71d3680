import { sql } from 'drizzle-orm'
import type { Clock, UnixMs } from '#base/brand.ts'
import { hex } from '#base/bytes.ts'
import { type Nano, nano } from '#base/nano.ts'
import type { TillTotals } from '#contracts'
import type { ReservesProof } from '#protocol'
import type { Answer, Store } from '../db/db.ts'
import type { AccountId } from '../db/ids.ts'
import { accounts, hosts, settlements } from '../db/schema.ts'
import { type Balance, plantTree, type TreeKeys } from './reserves-tree.ts'

/** What a gateway owes at one moment, by its books. */
export interface Liabilities {
  readonly accounts: Nano
  readonly hosts: Nano
  /** Usage that exits took out before it was charged: hosts earned from it what nobody can collect. */
  readonly losses: Nano
}

export interface ReservesSnapshot {
  readonly at: UnixMs
  readonly count: number
  /** Lower-case hex. */
  readonly root: string
  /** Sum of all accounts' balances. */
  readonly sum: Nano
  readonly liabilities: Liabilities
  /** What the Till held when it was taken; undefined where that is now. */
  readonly totals: TillTotals | undefined
  /** Undefined for an account that was opened later. */
  proofFor(account: AccountId): Promise<ReservesProof | undefined>
}

export interface Reserves {
  /** The tree over every account, made anew when the last one is older than ten seconds, or than its making allows. */
  snapshot(): Promise<ReservesSnapshot>
}

const FRESH_MS = 10_000

export function createReserves(deps: {
  /** Both of one moment. */
  readonly read: () => Answer<OwedBooks>
  readonly keys: TreeKeys
  readonly clock: Clock
}): Reserves {
  let last: { readonly at: UnixMs; readonly snapshot: Promise<ReservesSnapshot> } | undefined
  return {
    snapshot() {
      const at = deps.clock()
      if (last === undefined || at - last.at >= FRESH_MS) {
        const snapshot = takeSnapshot(deps, at)
        last = { at, snapshot }
        snapshot.catch(() => {
          last = undefined
        })
      }
      return last.snapshot
    },
  }
}

const text = (column: string) => sql<string>`CAST(COALESCE(SUM(${sql.raw(column)}), 0) AS TEXT)`

/**
 * What the Till debited beyond our books (a cheque that its owner submitted, receipts still to come, M16) is no account's any
 * more, and the books will know by usage alone.
 */
const OWN = `available + held - CASE WHEN collected > settled THEN collected - settled ELSE 0 END`

/** Hosts' unpaid shares and accounts' balances, as the postings say. */
export function readLiabilities({ db }: Store): Liabilities {
  const [owed] = db
    .select({ balances: text(OWN), losses: text('debt') })
    .from(accounts)
    .all()
  const [due] = db
    .select({ hosts: text('earned - redeemed') })
    .from(hosts)
    .all()
  return {
    accounts: nano(BigInt(owed?.balances ?? '0')),
    hosts: nano(BigInt(due?.hosts ?? '0')),
    losses: nano(BigInt(owed?.losses ?? '0')),
  }
}

export function readBalances({ db }: Store): readonly Balance[] {
  const rows = db
    .select({ id: accounts.id, own: sql<string>`CAST(${sql.raw(OWN)} AS TEXT)` })
    .from(accounts)
    .all()
  return rows.map(({ id, own }) => ({ id, balance: BigInt(own) }))
}

/** What a snapshot is made of. */
export interface OwedBooks {
  readonly liabilities: Liabilities
  readonly balances: readonly Balance[]
}

export function readOwedBooks(store: Store): OwedBooks {
  return { liabilities: readLiabilities(store), balances: readBalances(store) }
}

/**
 * Shares of all settlements here, and what hosts here were paid. Where hosts' totals live in other stores, what is owed
 * to them follows from both, whatever is under way in between: a share leaves its account's balance in the same moment.
 */
export function readShares({ db }: Store): { readonly shares: Nano; readonly redeemed: Nano } {
  const [settled] = db
    .select({ shares: text('cost - commission') })
    .from(settlements)
    .all()
  const [paid] = db
    .select({ redeemed: text('redeemed') })
    .from(hosts)
    .all()
  return {
    shares: nano(BigInt(settled?.shares ?? '0')),
    redeemed: nano(BigInt(paid?.redeemed ?? '0')),
  }
}

/**
 * Whether the Till holds what the books owe. Fees are left out on both sides: what is not collected yet lies with the
 * accounts' money, so that the Till may hold more, never less.
 */
export function isCovered(
  { accounts: balances, hosts: due, losses }: Liabilities,
  totals: { readonly owed: Nano; readonly pool: Nano; readonly held: Nano },
): boolean {
  const { owed, pool, held } = totals
  return balances <= owed && balances + due <= owed + pool + held + losses
}

async function takeSnapshot(
  { read, keys }: Parameters<typeof createReserves>[0],
  at: UnixMs,
): Promise<ReservesSnapshot> {
  const { liabilities, balances } = await read()
  const tree = await plantTree(balances, at, keys)
  const [root, sum] = [hex(tree.top.hash), nano(tree.top.sum)]
  return {
    at,
    count: tree.count,
    root,
    sum,
    liabilities,
    totals: undefined,
    async proofFor(account) {
      const leaf = tree.leafOf(account)
      return leaf && { account, ...leaf, root, sum }
    },
  }
}
