import { DurableObject } from 'cloudflare:workers'
import { signerFromSeed } from '#protocol/workerd'
import type { Store } from '../db/db.ts'
import { migrate } from '../db/migrate.ts'
import { createCore } from '../ledger/core.ts'
import type { AccountRow, ExitRow, HostRow } from '../money/due-rows.ts'
import { createCashierJobs } from '../money/money-jobs.ts'
import { createMoneyWatch, type MoneyStatus, type MoneyWatch } from '../money/money-watch.ts'
import { openChain } from '../money/open-chain.ts'
import { readTables } from '../moving/read-units.ts'
import { GATEWAY_TABLES, type Unit } from '../moving/unit.ts'
import { unitPage } from '../moving/unit-page.ts'
import { writeUnit } from '../moving/write-unit.ts'
import { type AlarmJobs, createAlarmJobs } from './alarm-jobs.ts'
import { cashierLedger, noteAccountRow, noteHostRow } from './cashier-ledger.ts'
import { cashierOrders, noteExitRow } from './cashier-orders.ts'
import type { WorkerHost } from './host.ts'
import { objectStore } from './object-store.ts'
import { type CashierRpc, objectsOf } from './objects.ts'
import { createPlaceReporter, NOTHING_UNDER_WAY, type PlaceReporter } from './place-reporter.ts'
import { openWorkerPlatform } from './worker-platform.ts'

/**
 * The one cashier. Ledgers send it copies of their rows when something is due; charges that it signed are kept here,
 * vouchers in the host's own ledger and here.
 */
export function cashierObject(host: WorkerHost) {
  return class CashierObject extends DurableObject<Cloudflare.Env> implements CashierRpc {
    readonly #store: Store
    readonly #watch: MoneyWatch
    readonly #reporter: PlaceReporter
    readonly #jobs: AlarmJobs

    constructor(state: DurableObjectState, env: Cloudflare.Env) {
      super(state, env)
      const { config, ledger, clock, log, metrics } = openWorkerPlatform(host, env)
      this.#watch = createMoneyWatch(log)
      const store = objectStore(state.storage)
      migrate(store, host.migrations)
      const { endpoint, apiKey, witnesses } = config.chain
      const jobs = createCashierJobs({
        config,
        chain: openChain(host, endpoint, apiKey),
        ledger: cashierLedger(createCore(store, { hosts: 'here' }), ledger),
        store,
        orders: (till) => cashierOrders(store, ledger, till),
        signerFromSeed,
        watch: this.#watch,
        chance: host.chance,
        witnesses: witnesses.map((witness) => openChain(host, witness)),
        clock,
      })
      this.#store = store
      this.#jobs = createAlarmJobs(state.storage, jobs, { clock, log, metrics })
      this.#reporter = createPlaceReporter({
        place: 'cashier',
        metrics,
        objects: objectsOf(env),
        now: () => NOTHING_UNDER_WAY,
        clock,
      })
    }

    async noteAccount(row: AccountRow): Promise<void> {
      noteAccountRow(this.#store, row)
    }

    async noteHost(row: HostRow): Promise<void> {
      noteHostRow(this.#store, row)
    }

    async noteExit(row: ExitRow): Promise<void> {
      noteExitRow(this.#store, row)
    }

    async status(): Promise<MoneyStatus> {
      return this.#watch.status()
    }

    async exportUnits(from: number, limit: number): Promise<readonly Unit[]> {
      return unitPage(readTables(this.#store, GATEWAY_TABLES.cashier), from, limit)
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
