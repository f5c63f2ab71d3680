import { DurableObject } from 'cloudflare:workers'
import type { Store } from '../db/db.ts'
import { migrate } from '../db/migrate.ts'
import type { Job } from '../jobs.ts'
import { createCore, type LedgerCore } from '../ledger/core.ts'
import type { Chain } from '../money/chain.ts'
import type { AccountRow } from '../money/due-rows.ts'
import { createMoneyWatch, type MoneyStatus, type MoneyWatch } from '../money/money-watch.ts'
import { openChain } from '../money/open-chain.ts'
import { readTables } from '../moving/read-units.ts'
import { tryWriteUnit, type UnitOutcome } from '../moving/try-write-unit.ts'
import { GATEWAY_TABLES, type Unit } from '../moving/unit.ts'
import { unitPage } from '../moving/unit-page.ts'
import { writeUnit } from '../moving/write-unit.ts'
import { type AlarmJobs, createAlarmJobs } from './alarm-jobs.ts'
import { noteAccountRow } from './cashier-ledger.ts'
import type { WorkerHost } from './host.ts'
import { objectStore } from './object-store.ts'
import { objectsOf } from './objects.ts'
import { createPlaceReporter, NOTHING_UNDER_WAY, type PlaceReporter } from './place-reporter.ts'
import { openWorkerPlatform, type WorkerPlatform } from './worker-platform.ts'

/** What the jobs of such an object are made of. */
interface Parts extends WorkerPlatform {
  readonly store: Store
  readonly core: LedgerCore
  readonly watch: MoneyWatch
  readonly chain: Chain
  readonly witnesses: readonly Chain[]
}

/** Where the host's side of a charge is kept. */
const HOSTS = { chain: 'outbox', cashier: 'here' } as const

/** An object with tables of its own, whose alarm moves money: the watcher of the Till, and the cashier. */
export class MoneyObject extends DurableObject<Cloudflare.Env> {
  readonly #place: keyof typeof HOSTS
  protected readonly store: Store
  protected readonly core: LedgerCore
  readonly #watch: MoneyWatch
  readonly #reporter: PlaceReporter
  readonly #jobs: AlarmJobs

  constructor(
    state: DurableObjectState,
    env: Cloudflare.Env,
    {
      host,
      place,
      jobs,
    }: {
      readonly host: WorkerHost
      readonly place: keyof typeof HOSTS
      readonly jobs: (parts: Parts) => readonly Job[]
    },
  ) {
    super(state, env)
    const platform = openWorkerPlatform(host, env)
    const { config, clock, log, metrics } = platform
    const { endpoint, apiKey, witnesses } = config.chain
    const store = objectStore(state.storage)
    migrate(store, host.migrations)
    const watch = createMoneyWatch(log)
    const parts: Parts = {
      ...platform,
      store,
      core: createCore(store, { hosts: HOSTS[place] }),
      watch,
      chain: openChain(host, endpoint, apiKey),
      witnesses: witnesses.map((witness) => openChain(host, witness)),
    }
    const objects = objectsOf(env)
    this.#place = place
    this.store = store
    this.core = parts.core
    this.#watch = watch
    this.#jobs = createAlarmJobs(state.storage, jobs(parts), { clock, log, metrics })
    this.#reporter = createPlaceReporter({
      place,
      metrics,
      objects,
      now: () => NOTHING_UNDER_WAY,
      clock,
    })
  }

  async noteAccount(row: AccountRow): Promise<void> {
    noteAccountRow(this.store, row)
  }

  async status(): Promise<MoneyStatus> {
    return this.#watch.status()
  }

  async exportUnits(from: number, limit: number): Promise<readonly Unit[]> {
    return unitPage(readTables(this.store, GATEWAY_TABLES[this.#place]), from, limit)
  }

  async importUnit(unit: Unit, digest: string): Promise<UnitOutcome> {
    return tryWriteUnit(() => writeUnit(this.store, unit, { digest, hosts: 'outbox' }))
  }

  wake(): Promise<void> {
    return this.#jobs.wake()
  }

  override async alarm(): Promise<void> {
    await this.#jobs.run()
    await this.#reporter.tell()
  }
}
