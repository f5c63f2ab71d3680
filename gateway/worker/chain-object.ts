import { DurableObject } from 'cloudflare:workers'
import type { Store } from '../db/db.ts'
import { migrate } from '../db/migrate.ts'
import { applyCall } from '../ledger/apply-call.ts'
import { createCore, type LedgerCore } from '../ledger/core.ts'
import type { Op, Result } from '../ledger/port.ts'
import type { AccountRow } from '../money/due-rows.ts'
import { createWatcherJobs } from '../money/money-jobs.ts'
import { createMoneyWatch, type MoneyStatus, type MoneyWatch } from '../money/money-watch.ts'
import { openChain } from '../money/open-chain.ts'
import { readTables } from '../moving/read-units.ts'
import { GATEWAY_TABLES, type Unit } from '../moving/unit.ts'
import { unitPage } from '../moving/unit-page.ts'
import { writeUnit } from '../moving/write-unit.ts'
import { type AlarmJobs, createAlarmJobs } from './alarm-jobs.ts'
import { noteAccountRow } from './cashier-ledger.ts'
import { chainLedger } from './chain-ledger.ts'
import type { WorkerHost } from './host.ts'
import { objectStore } from './object-store.ts'
import { type ChainRpc, objectsOf } from './objects.ts'
import { createPlaceReporter, NOTHING_UNDER_WAY, type PlaceReporter } from './place-reporter.ts'
import { openWorkerPlatform } from './worker-platform.ts'

/** The one watcher of the Till: its cursor, what it walked, and the history of deposits. */
export function chainObject(host: WorkerHost) {
  return class ChainObject extends DurableObject<Cloudflare.Env> implements ChainRpc {
    readonly #store: Store
    readonly #core: LedgerCore
    readonly #watch: MoneyWatch
    readonly #reporter: PlaceReporter
    readonly #jobs: AlarmJobs

    constructor(state: DurableObjectState, env: Cloudflare.Env) {
      super(state, env)
      const { config, ledger, clock, log, metrics } = openWorkerPlatform(host, env)
      this.#watch = createMoneyWatch(log)
      const store = objectStore(state.storage)
      migrate(store, host.migrations)
      this.#store = store
      this.#core = createCore(store, { hosts: 'outbox' })
      const { endpoint, apiKey, witnesses } = config.chain
      const jobs = createWatcherJobs({
        config,
        chain: openChain(host, endpoint, apiKey),
        witnesses: witnesses.map((witness) => openChain(host, witness)),
        ledger: chainLedger(this.#core, ledger),
        store,
        covers: () => objectsOf(env).market().covered(),
        watch: this.#watch,
        clock,
      })
      this.#jobs = createAlarmJobs(state.storage, jobs, { clock, log, metrics })
      this.#reporter = createPlaceReporter({
        place: 'chain',
        metrics,
        objects: objectsOf(env),
        now: () => NOTHING_UNDER_WAY,
        clock,
      })
    }

    async noteAccount(row: AccountRow): Promise<void> {
      noteAccountRow(this.#store, row)
    }

    /** Reads of the history. */
    async commit(ops: readonly Op[]): Promise<readonly Result[]> {
      return applyCall(this.#core, ops)
    }

    async status(): Promise<MoneyStatus> {
      return this.#watch.status()
    }

    async exportUnits(from: number, limit: number): Promise<readonly Unit[]> {
      return unitPage(readTables(this.#store, GATEWAY_TABLES.chain), from, limit)
    }

    async importUnit(unit: Unit, digest: string): Promise<boolean> {
      return writeUnit(this.#store, unit, { digest, hosts: 'outbox' })
    }

    wake(): Promise<void> {
      return this.#jobs.wake()
    }

    override async alarm(): Promise<void> {
      await this.#jobs.run()
      await this.#reporter.tell()
    }
  }
}
