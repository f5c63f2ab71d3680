import { DurableObject } from 'cloudflare:workers'
import { toSeconds } from '#base/brand.ts'
import { ZERO_NANO } from '#base/nano.ts'
import type { Store } from '../db/db.ts'
import type { AccountId, TonAddress } from '../db/ids.ts'
import { migrate } from '../db/migrate.ts'
import { accounts, walletLinks } from '../db/schema.ts'
import { applyCall } from '../ledger/apply-call.ts'
import { createCore, type LedgerCore } from '../ledger/core.ts'
import { findUnused, UNFUNDED_MS } from '../ledger/expire-accounts.ts'
import type { HostEntry } from '../ledger/host-side.ts'
import type { Ledger, Op, Result, ResultsOf } from '../ledger/port.ts'
import { readBalances, readLiabilities, readShares } from '../money/reserves.ts'
import { readLedger } from '../moving/read-store.ts'
import { tryWriteUnit, type UnitOutcome } from '../moving/try-write-unit.ts'
import type { Unit } from '../moving/unit.ts'
import { unitPage } from '../moving/unit-page.ts'
import { writeUnit } from '../moving/write-unit.ts'
import type { Voucher } from '../runners/deps.ts'
import { createLatestVoucher } from '../runners/latest-voucher.ts'
import { createDueReporter, type DueReporter } from './due-reporter.ts'
import { emptyAnswer } from './empty-answer.ts'
import type { WorkerHost } from './host.ts'
import { indexOf } from './index-object.ts'
import { ledgerOf } from './ledger-of.ts'
import { objectStore } from './object-store.ts'
import { type ObjectWebhooks, objectWebhooks } from './object-webhooks.ts'
import { type LedgerOwes, type LedgerRpc, type Objects, objectsOf } from './objects.ts'
import { storeOf } from './route-ledger.ts'

/** Outbox entries a delivery takes along: they are acknowledged in one statement, which has at most 100 parameters. */
const DELIVERY_ENTRIES = 90
/** From a commit to the alarm that delivers what it owes to hosts. */
const DELIVERY_DELAY_MS = 500
/** From a failed delivery to the next try. */
const RETRY_DELAY_MS = 10_000

const NOTHING: LedgerOwes = {
  balances: [],
  losses: ZERO_NANO,
  shares: ZERO_NANO,
  redeemed: ZERO_NANO,
}

interface Opened {
  readonly store: Store
  readonly core: LedgerCore
  readonly due: DueReporter
  readonly webhooks: ObjectWebhooks
}

/**
 * One account's, or one host's, ledger in its own Durable Object. Its tables are made when something is first written,
 * after its name stands in the index: asking for an account that nobody opened leaves nothing behind (M17). The alarm
 * lapses overdue holds, delivers shares to the hosts' objects until they are acknowledged, tells the cashier and the
 * account's webhook, and ends an account that never had money.
 */
export function ledgerObject(host: WorkerHost) {
  return class LedgerObject extends DurableObject<Cloudflare.Env> implements LedgerRpc {
    readonly #objects: Objects
    #opened: Opened | undefined
    /** Writes that the alarm must see to: one that runs learns of those that came too late for what it has read. */
    #wakings = 0
    /** Writes that wait for something before they are made: meanwhile the account does not end. */
    #underWay = 0
    /** The account's end, which a write that comes meanwhile waits for. */
    #ending: Promise<void> | undefined

    constructor(state: DurableObjectState, env: Cloudflare.Env) {
      super(state, env)
      this.#objects = objectsOf(env)
      if (hasTables(state.storage)) this.#opened = this.#open()
    }

    commit(ops: readonly Op[]): Promise<readonly Result[]> {
      return this.#writing(() => this.#commit(ops))
    }

    importUnit(unit: Unit, digest: string): Promise<UnitOutcome> {
      return this.#writing(() => this.#importUnit(unit, digest))
    }

    async #writing<T>(write: () => Promise<T>): Promise<T> {
      if (this.#ending !== undefined) await this.#ending
      this.#underWay++
      try {
        return await write()
      } finally {
        this.#underWay--
      }
    }

    async #commit(ops: readonly Op[]): Promise<readonly Result[]> {
      const opened = this.#opened
      if (opened === undefined) {
        const answers = ops.map(emptyAnswer)
        if (answers.every((answer) => answer !== undefined)) return answers
        await this.#register(ops)
      }
      // First, so that nothing is written whose consequences no alarm would see to.
      if (ops.some(({ op }) => WAKING.has(op))) {
        await this.#wakeBy(DELIVERY_DELAY_MS)
        this.#wakings++
      }
      return this.#apply(ops)
    }

    async latestVoucher(till: TonAddress, payee: TonAddress): Promise<Voucher | undefined> {
      if (this.#opened === undefined) return undefined
      return createLatestVoucher(this.#opened.store.db, till)(payee)
    }

    async owes(): Promise<LedgerOwes> {
      const store = this.#opened?.store
      if (store === undefined) return NOTHING
      const { losses } = readLiabilities(store)
      return { balances: readBalances(store), losses, ...readShares(store) }
    }

    async exportUnits(from: number, limit: number): Promise<readonly Unit[]> {
      if (this.#opened === undefined) return []
      // Delivers what is owed to hosts, and sorts what was settled.
      await this.alarm()
      const store = this.#opened?.store
      // It may have ended an account that was never used.
      if (store === undefined) return []
      return unitPage(readLedger(store), from, limit)
    }

    async #importUnit(unit: Unit, digest: string): Promise<UnitOutcome> {
      const name = `${unit.kind === 'host' ? 'host' : 'acct'}:${unit.id}`
      if (this.#opened === undefined) await this.#objects.index(indexOf(name)).add(name)
      await this.#wakeBy(DELIVERY_DELAY_MS)
      this.#opened ??= this.#open()
      const { store } = this.#opened
      const outcome = tryWriteUnit(() => writeUnit(store, unit, { digest, hosts: 'outbox' }))
      if (!outcome.ok) return outcome
      // What the books remembered is older than what stands there now.
      this.#opened = this.#open()
      for (const row of store.db.select().from(accounts).all()) {
        await this.#objects.chain().noteAccount(row)
      }
      const ledger = ledgerOf(this.#objects)
      for (const { account: to, wallet, at } of store.db.select().from(walletLinks).all()) {
        await ledger.commit([{ op: 'point_wallet', wallet, to, at }])
      }
      return outcome
    }

    async #register(ops: readonly Op[]): Promise<void> {
      const name = ops.map(storeOf)[0] ?? ''
      await this.#objects.index(indexOf(name)).add(name)
    }

    #open(): Opened {
      const store = objectStore(this.ctx.storage)
      migrate(store, host.migrations)
      const core = createCore(store, { hosts: 'outbox' })
      const ledger: Ledger = { commit: async (ops) => applyCall(core, ops) }
      const webhooks = objectWebhooks(host, this.env, { store, ledger })
      return { store, core, due: createDueReporter(store), webhooks }
    }

    #apply<const Ops extends readonly Op[]>(ops: Ops): ResultsOf<Ops> {
      this.#opened ??= this.#open()
      return applyCall(this.#opened.core, ops)
    }

    async #wakeBy(delay: number): Promise<void> {
      const time = host.clock() + delay
      const set = await this.ctx.storage.getAlarm()
      if (set === null || set > time) await this.ctx.storage.setAlarm(time)
    }

    override async alarm(): Promise<void> {
      const opened = this.#opened
      if (opened === undefined) return
      // Set before anything leaves: a failure leaves it as the retry.
      const retry = host.clock() + RETRY_DELAY_MS
      await this.ctx.storage.setAlarm(retry)
      const wakings = this.#wakings
      const [{ next: lapses }, { entries }] = this.#apply([
        { op: 'maintain', now: toSeconds(host.clock()) },
        { op: 'read_outbox', limit: DELIVERY_ENTRIES },
      ])
      if (entries.length > 0) {
        await deliver(ledgerOf(this.#objects), entries)
        this.#apply([{ op: 'ack_outbox', keys: entries.map(({ key }) => key) }])
      }
      await opened.due.report(this.#objects.cashier())
      const tells = await opened.webhooks.tell()
      // Another run of this has ended the account meanwhile, or an import opened it anew: then the retry looks again.
      if (this.#opened !== opened) return
      const unused = findUnused(opened.store)
      const ends = unused === undefined ? null : unused.created + UNFUNDED_MS
      const isOver = ends !== null && ends <= host.clock() && this.#underWay === 0
      if (unused !== undefined && isOver) {
        this.#ending = this.#end(unused.id)
        await this.#ending
        return
      }
      // What was committed meanwhile has set an earlier one, or counts on the retry when that came sooner.
      if (this.#wakings !== wakings) return
      if ((await this.ctx.storage.getAlarm()) !== retry) return
      const more = entries.length === DELIVERY_ENTRIES ? host.clock() : null
      const next = earliest([more, lapses === null ? null : lapses * 1000, tells, ends])
      if (next === undefined) await this.ctx.storage.deleteAlarm()
      else await this.ctx.storage.setAlarm(next)
    }

    /** Nothing is left behind but, if it dies here, a name that stands for nothing. */
    async #end(account: AccountId): Promise<void> {
      const name = `acct:${account}`
      await this.ctx.blockConcurrencyWhile(async () => {
        this.#opened = undefined
        await this.ctx.storage.deleteAlarm()
        await this.ctx.storage.deleteAll()
        await this.#objects.index(indexOf(name)).remove(name)
        this.#ending = undefined
      })
    }
  }
}

/** Operations after which the object has something to do later. */
const WAKING: ReadonlySet<Op['op']> = new Set([
  'open_account',
  'set_webhook',
  'reserve',
  'settle',
  'mirror_account',
  'accept_cheque',
  'order_exit',
  'apply_outbox',
  'record_voucher',
  'mirror_host',
])

function earliest(times: readonly (number | null)[]): number | undefined {
  const some = times.filter((time) => time !== null)
  return some.length === 0 ? undefined : Math.min(...some)
}

function hasTables({ sql }: DurableObjectStorage): boolean {
  return sql.exec("SELECT 1 FROM sqlite_master WHERE name = 'migrations'").toArray().length > 0
}

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
