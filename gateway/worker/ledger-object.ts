import { DurableObject } from 'cloudflare:workers'
import { type Clock, toSeconds } from '#base/brand.ts'
import type { TonAddress } from '../db/ids.ts'
import { type Migration, migrate } from '../db/migrate.ts'
import { createCore, type LedgerCore } from '../ledger/core.ts'
import type { HostEntry } from '../ledger/host-side.ts'
import type { Ledger, Op, Result, ResultsOf } from '../ledger/port.ts'
import { objectStore } from './object-store.ts'

/** Outbox entries a delivery takes along. */
const DELIVERY_ENTRIES = 500
/** From a commit to the alarm that delivers what it owes to hosts. */
const DELIVERY_DELAY_MS = 500
/** From a failed delivery to the next try. */
const RETRY_DELAY_MS = 10_000

export interface LedgerObjectOptions {
  readonly clock: Clock
  readonly migrations: readonly Migration[]
  /** The port to all objects, for what one tells another. */
  readonly ledger: (env: Cloudflare.Env) => Ledger
}

/** What a Worker sees of a ledger object. */
export interface LedgerRpc {
  commit(ops: readonly Op[]): readonly Result[]
}

/**
 * One account's, or one host's, ledger in its own Durable Object. The alarm lapses overdue holds and delivers shares to
 * the hosts' objects until they are acknowledged.
 */
export function ledgerObject(options: LedgerObjectOptions) {
  return class LedgerObject extends DurableObject<Cloudflare.Env> implements LedgerRpc {
    readonly #core: LedgerCore

    constructor(state: DurableObjectState, env: Cloudflare.Env) {
      super(state, env)
      const store = objectStore(state.storage)
      migrate(store, options.migrations)
      this.#core = createCore(store, { hosts: 'outbox' })
    }

    commit(ops: readonly Op[]): readonly Result[] {
      const results = this.#apply(ops)
      if (ops.some(({ op }) => WAKING.has(op))) this.#wake(DELIVERY_DELAY_MS)
      return results
    }

    #apply<const Ops extends readonly Op[]>(ops: Ops): ResultsOf<Ops> {
      const [outcome] = this.#core.apply([ops])
      if (!outcome?.ok) throw outcome?.error ?? new RangeError('a call without an outcome')
      // Sound: the core answers each operation with its own kind of result, in order.
      return outcome.results as ResultsOf<Ops>
    }

    #wake(delay: number): void {
      // Lost only with the object itself, whose next commit sets it again.
      this.ctx.waitUntil(this.#setEarlierAlarm(options.clock() + delay))
    }

    async #setEarlierAlarm(time: number): Promise<void> {
      const set = await this.ctx.storage.getAlarm()
      if (set === null || set > time) await this.ctx.storage.setAlarm(time)
    }

    override async alarm(): Promise<void> {
      const now = toSeconds(options.clock())
      const [{ next }, { entries }] = this.#apply([
        { op: 'maintain', now },
        { op: 'read_outbox', limit: DELIVERY_ENTRIES },
      ])
      if (next !== null) await this.#setEarlierAlarm(next * 1000)
      if (entries.length === 0) return
      // Set before delivering: a failure leaves it as the retry.
      await this.#setEarlierAlarm(options.clock() + RETRY_DELAY_MS)
      await deliver(options.ledger(this.env), entries)
      this.#apply([{ op: 'ack_outbox', keys: entries.map(({ key }) => key) }])
      if (entries.length === DELIVERY_ENTRIES) await this.#setEarlierAlarm(options.clock())
    }
  }
}

/** Operations after which the object has something to do later. */
const WAKING: ReadonlySet<Op['op']> = new Set(['reserve', 'settle', 'mirror_account'])

async function deliver(ledger: Ledger, entries: readonly HostEntry[]): Promise<void> {
  const payees = new Set<TonAddress>(entries.map(({ payee }) => payee))
  await Promise.all(
    [...payees].map((payee) =>
      ledger.commit([
        { op: 'apply_outbox', entries: entries.filter((entry) => entry.payee === payee) },
      ]),
    ),
  )
}
