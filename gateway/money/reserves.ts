import { sql } from 'drizzle-orm'
import type { Clock, UnixMs } from '#base/brand.ts'
import { type Bytes, hex, utf8 } from '#base/bytes.ts'
import { type Nano, nano } from '#base/nano.ts'
import {
  type Hashes,
  type MacKey,
  type ReservesLeaf,
  type ReservesProof,
  reservesLeaf,
  reservesNode,
  type SumNode,
} from '#protocol'
import type { Store } from '../db/db.ts'
import type { AccountId } from '../db/ids.ts'
import { accounts, hosts } from '../db/schema.ts'

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
  /** Undefined for an account that was opened later. */
  proofFor(account: AccountId): ReservesProof | undefined
}

export interface Reserves {
  /** The tree over every account, made anew when the last one is older than ten seconds. */
  snapshot(): Promise<ReservesSnapshot>
}

const FRESH_MS = 10_000
const SALT_BYTES = 16
/** What a tree of no accounts states. */
const EMPTY: SumNode = { hash: new Uint8Array(32), sum: 0n }

export function createReserves(deps: {
  readonly store: Store
  readonly hashes: Pick<Hashes, 'sha256'>
  /** Salts of leaves: nobody who does not know them finds an account in the tree. */
  readonly salts: MacKey
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

/** Hosts' unpaid shares and accounts' balances, as the postings say. */
export function readLiabilities({ db }: Store): Liabilities {
  const text = (column: string) => sql<string>`CAST(COALESCE(SUM(${sql.raw(column)}), 0) AS TEXT)`
  const [owed] = db
    .select({ balances: text('available + held'), losses: text('debt') })
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
  { store, hashes, salts }: Parameters<typeof createReserves>[0],
  at: UnixMs,
): Promise<ReservesSnapshot> {
  const liabilities = readLiabilities(store)
  const rows = store.db
    .select({ id: accounts.id, available: accounts.available, held: accounts.held })
    .from(accounts)
    .all()
  const sha256 = (bytes: Bytes) => hashes.sha256(bytes)
  const leaves = rows
    .map(({ id, available, held }): ReservesLeaf => {
      const salt = salts.mac(utf8(`${at}:${id}`)).slice(0, SALT_BYTES)
      return { account: id, balance: available + held, salt }
    })
    // By salt: a place in the tree says nothing of age or size.
    .toSorted((a, b) => (hex(a.salt) < hex(b.salt) ? -1 : 1))
  const levels = await levelsOf(
    await Promise.all(leaves.map((leaf) => reservesLeaf(leaf, sha256))),
    sha256,
  )
  const top = levels.at(-1)?.[0] ?? EMPTY
  const places = new Map(leaves.map(({ account }, index) => [account, index]))
  return {
    at,
    count: leaves.length,
    root: hex(top.hash),
    sum: nano(top.sum),
    liabilities,
    proofFor(account) {
      const index = places.get(account)
      const leaf = index === undefined ? undefined : leaves[index]
      if (index === undefined || leaf === undefined) return undefined
      return {
        account,
        balance: nano(leaf.balance),
        salt: hex(leaf.salt),
        path: pathOf(levels, index),
        root: hex(top.hash),
        sum: nano(top.sum),
      }
    },
  }
}

/** From the leaves to the root; the last of an odd level goes up alone. */
async function levelsOf(
  leaves: readonly SumNode[],
  sha256: (bytes: Bytes) => Bytes,
): Promise<readonly (readonly SumNode[])[]> {
  const levels = [leaves]
  for (let level = leaves; level.length > 1; ) {
    const above: SumNode[] = []
    for (let i = 0; i < level.length; i += 2) {
      const [left, right] = [level[i], level[i + 1]]
      if (left === undefined) continue
      above.push(right === undefined ? left : await reservesNode(left, right, sha256))
    }
    levels.push(above)
    level = above
  }
  return levels
}

function pathOf(levels: readonly (readonly SumNode[])[], leaf: number): ReservesProof['path'] {
  const path: { side: 'left' | 'right'; hash: string; sum: Nano }[] = []
  let index = leaf
  for (const level of levels.slice(0, -1)) {
    const sibling = level[index ^ 1]
    if (sibling !== undefined) {
      const side = index % 2 === 0 ? 'right' : 'left'
      path.push({ side, hash: hex(sibling.hash), sum: nano(sibling.sum) })
    }
    index = Math.floor(index / 2)
  }
  return path
}
