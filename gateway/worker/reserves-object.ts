import { DurableObject } from 'cloudflare:workers'
import type { UnixMs } from '#base/brand.ts'
import { type Nano, nano, ZERO_NANO } from '#base/nano.ts'
import { treeKeys } from '../compose/platform.ts'
import type { AccountId } from '../db/ids.ts'
import { EMPTY_TREE, plantTree, type ReservesTree, type TreeKeys } from '../money/reserves-tree.ts'
import type { WorkerHost } from './host.ts'
import {
  type CollectPage,
  type LedgerOwes,
  type Objects,
  objectsOf,
  type ReservesLeaf,
  type ReservesPart,
  type ReservesRpc,
} from './objects.ts'
import { openWorkerPlatform } from './worker-platform.ts'

/** Ledgers of one call: below what one invocation may ask. */
const PAGE = 500
/** Asked side by side. */
const WIDTH = 50

/** What one call has collected, as it is stored: balances by account, decimal, and sums. */
interface StoredPage {
  readonly balances: readonly (readonly [AccountId, string])[]
  readonly losses: string
  readonly shares: string
  readonly redeemed: string
}

/** One part of the proof of reserves: what the ledgers of one index owe, and the tree over their balances. */
export function reservesObject(host: WorkerHost) {
  return class ReservesObject extends DurableObject<Cloudflare.Env> implements ReservesRpc {
    readonly #sql: SqlStorage
    readonly #objects: Objects
    #tree: { readonly at: UnixMs; readonly tree: ReservesTree | Promise<ReservesTree> } | undefined

    constructor(state: DurableObjectState, env: Cloudflare.Env) {
      super(state, env)
      this.#sql = state.storage.sql
      this.#objects = objectsOf(env)
      this.#sql.exec(
        'CREATE TABLE IF NOT EXISTS pages (at INTEGER, no INTEGER, page TEXT, PRIMARY KEY (at, no)) STRICT',
      )
    }

    async collect({ index, at, no, after, keep }: CollectPage): Promise<string | null> {
      // What was begun and never ended goes; what is shown meanwhile stays.
      if (no === 0) this.#sql.exec('DELETE FROM pages WHERE at NOT IN (?, ?)', at, keep)
      const names = await this.#objects.index(index).list(after, PAGE)
      const owed: LedgerOwes[] = []
      for (let from = 0; from < names.length; from += WIDTH) {
        const some = names.slice(from, from + WIDTH)
        owed.push(...(await Promise.all(some.map((name) => this.#objects.ledger(name).owes()))))
      }
      const page = JSON.stringify(pageOf(owed))
      this.#sql.exec('INSERT OR REPLACE INTO pages VALUES (?, ?, ?)', at, no, page)
      return names.length < PAGE ? null : (names.at(-1) ?? null)
    }

    async part(at: UnixMs): Promise<ReservesPart> {
      const sums = { losses: ZERO_NANO, shares: ZERO_NANO, redeemed: ZERO_NANO }
      for (const page of this.#pages(at)) {
        sums.losses = plus(sums.losses, page.losses)
        sums.shares = plus(sums.shares, page.shares)
        sums.redeemed = plus(sums.redeemed, page.redeemed)
      }
      const { count, top } = await this.#treeAt(at)
      return { count, hash: top.hash, sum: nano(top.sum), ...sums }
    }

    async leaf(at: UnixMs, account: AccountId): Promise<ReservesLeaf | undefined> {
      return (await this.#treeAt(at)).leafOf(account)
    }

    #treeAt(at: UnixMs): ReservesTree | Promise<ReservesTree> {
      if (this.#tree?.at !== at) {
        const balances = [...this.#pages(at)].flatMap((page) =>
          page.balances.map(([id, text]) => ({ id, balance: BigInt(text) })),
        )
        // Most parts of a small gateway are empty, and need no settings read.
        const tree = balances.length === 0 ? EMPTY_TREE : plantTree(balances, at, this.#keys())
        this.#tree = { at, tree }
      }
      return this.#tree.tree
    }

    #keys(): TreeKeys {
      return treeKeys(openWorkerPlatform(host, this.env))
    }

    *#pages(at: UnixMs): Iterable<StoredPage> {
      for (const row of this.#sql.exec('SELECT page FROM pages WHERE at = ? ORDER BY no', at)) {
        // Sound: written by `collect` from the same type.
        yield JSON.parse(String(row['page'])) as StoredPage
      }
    }
  }
}

function pageOf(owed: readonly LedgerOwes[]): StoredPage {
  const sum = (of: 'losses' | 'shares' | 'redeemed'): string =>
    owed.reduce((total, one) => total + one[of], 0n).toString()
  return {
    balances: owed.flatMap(({ balances }) =>
      balances.map(({ id, balance }) => [id, balance.toString()] as const),
    ),
    losses: sum('losses'),
    shares: sum('shares'),
    redeemed: sum('redeemed'),
  }
}

function plus(amount: Nano, text: string): Nano {
  return nano(amount + BigInt(text))
}
