import { DurableObject } from 'cloudflare:workers'
import { createCollateralSource, defaultCollateralSettings } from '#attestation'
import { toSeconds } from '#base/brand.ts'
import { createApp } from '../app.ts'
import { composeFront } from '../compose/compose-front.ts'
import { composeMarket } from '../compose/compose-market.ts'
import { treeKeys } from '../compose/platform.ts'
import type { Store } from '../db/db.ts'
import { runnerId } from '../db/ids.ts'
import { migrate } from '../db/migrate.ts'
import type { Catalog } from '../inference/catalog.ts'
import { createModelTable, storedCatalog } from '../inference/stored-catalog.ts'
import { createRunnerJobs } from '../jobs.ts'
import { createChainHealth } from '../money/chain-health.ts'
import { MoneyError } from '../money/errors.ts'
import { hasCashier } from '../money/money-jobs.ts'
import type { MoneyStatus } from '../money/money-watch.ts'
import { openProviders } from '../money/open-chain.ts'
import { openRates } from '../money/open-rates.ts'
import { isCovered, type Reserves } from '../money/reserves.ts'
import { createTillViews } from '../money/till-views.ts'
import { readMarks, readTables } from '../moving/read-units.ts'
import { tryWriteUnit, type UnitOutcome } from '../moving/try-write-unit.ts'
import { GATEWAY_TABLES, type Unit } from '../moving/unit.ts'
import { unitPage } from '../moving/unit-page.ts'
import { writeUnit } from '../moving/write-unit.ts'
import { createPendingSettlements } from '../receipts/pending.ts'
import { createWatchdog } from '../relay/watchdog.ts'
import type { RunnersDeps } from '../runners/deps.ts'
import { createDirectory } from '../runners/directory.ts'
import { createPayees } from '../runners/payees.ts'
import { restoreLeases } from '../runners/restore-leases.ts'
import { createRunnerHours } from '../runners/runner-hours.ts'
import { createRunnerStore } from '../runners/runner-store.ts'
import { type AlarmJobs, createAlarmJobs } from './alarm-jobs.ts'
import { boundedSessions } from './bounded-sessions.ts'
import type { CountingMetrics, Counts } from './counting-metrics.ts'
import { fetchUpstream } from './fetch-upstream.ts'
import type { WorkerHost } from './host.ts'
import { objectChallenges } from './object-challenges.ts'
import { objectCollateral } from './object-collateral.ts'
import { type ObjectOrigins, objectOrigins } from './object-origins.ts'
import { objectReserves } from './object-reserves.ts'
import { objectStore } from './object-store.ts'
import {
  type MarketRpc,
  type MarketView,
  type Objects,
  objectsOf,
  type PlaceReport,
} from './objects.ts'
import { openWorkerPlatform } from './worker-platform.ts'

/** Counters outlive the object by this. */
const COUNTS_KEY = 'metrics'
const COUNTS_MS = 15_000
/** Cloudflare resets an object that blocks for 30 s. */
const RESTORE_MS = 5_000

/**
 * Registration, evidence, leases, offers and the operator's routes: everything that is asked seldom and must be one,
 * since a machine is one machine whatever models it serves (H7). Requests of developers never come here.
 */
export function marketObject(host: WorkerHost) {
  return class MarketObject extends DurableObject<Cloudflare.Env> implements MarketRpc {
    readonly #runners: RunnersDeps
    readonly #store: Store
    readonly #catalog: Catalog
    readonly #origins: ObjectOrigins
    readonly #reserves: Reserves
    readonly #metrics: CountingMetrics
    readonly #jobs: AlarmJobs
    readonly #app: ReturnType<typeof createApp>

    constructor(state: DurableObjectState, env: Cloudflare.Env) {
      super(state, env)
      const { storage } = state
      const platform = openWorkerPlatform(host, env, storage.kv.get<Counts>(COUNTS_KEY))
      const { config, clock, random, settings } = platform
      this.#metrics = platform.metrics
      const objects = objectsOf(env)
      const db = objectStore(storage)
      migrate(db, host.migrations)
      this.#store = db
      const store = boundedSessions(createRunnerStore(db))
      const directory = createDirectory()
      const models = createModelTable(db.db)
      this.#catalog = storedCatalog(models, models.all(), {
        seeds: config.models,
        created: toSeconds(clock()),
      })
      this.#origins = objectOrigins(config, storage.kv)
      const collateral = createCollateralSource(defaultCollateralSettings(random), {
        fetch: host.fetch,
        clock,
        store: objectCollateral(storage.kv, clock),
        background: (work) => state.waitUntil(work),
      })
      const { till, registry } = config.chain
      const [primary, ...witnesses] = openProviders(host, config.chain)
      const { chain } = primary
      this.#runners = composeMarket(platform, {
        directory,
        store,
        hours: createRunnerHours(db),
        // Requests never come here, but the places that serve them tell.
        countsRequests: true,
        countsTime: () => true,
        payees: createPayees(db),
        usedChallenges: objectChallenges(storage.kv),
        latestVoucher: async (payee) =>
          till === undefined
            ? undefined
            : objects.ledger(`host:${payee}`).latestVoucher(till, payee),
        collateral,
        chain,
        witnesses: witnesses.map((witness) => witness.chain),
        origins: this.#origins,
        simulation: settings.simulation,
        takesTunnels: false,
      })
      const tillViews = till === undefined ? undefined : createTillViews(chain, till, clock)
      this.#reserves = objectReserves({
        objects,
        kv: storage.kv,
        keys: treeKeys(platform),
        totals: async () => (await tillViews?.till().catch(unread))?.totals,
        clock,
        background: (work) => state.waitUntil(work),
      })
      const front = composeFront(platform, {
        // Workers are no confidential machine.
        self: undefined,
        directory,
        catalog: this.#catalog,
        keysetOf: () => undefined,
        pending: createPendingSettlements(),
        upstream: fetchUpstream(host.fetch),
        watchdog: createWatchdog(),
        rates: openRates(platform.config.rates, { fetch: host.fetch, clock: platform.clock }),
      })
      this.#app = createApp({
        ...front,
        runners: this.#runners,
        self: undefined,
        catalog: this.#catalog,
        network: config.chain.network,
        tillViews,
        reserves: this.#reserves,
        storeState: () => 'ok',
        bodies: undefined,
        takesExits: hasCashier(config),
        moneyStatus: () => moneyStatus(objects),
        chainHealth: createChainHealth([primary, ...witnesses], till ?? registry, clock),
        registryAddress: registry,
        registry: () => this.#runners.allowlist.snapshot(),
        pages: undefined,
        openapi: host.openapi,
        adminKey: config.adminKey,
        metricsToken: config.metricsToken,
      })
      const keepCounts = {
        name: 'metrics',
        everyMs: COUNTS_MS,
        run: async () => storage.kv.put(COUNTS_KEY, this.#metrics.sums()),
      }
      const jobs = [...createRunnerJobs(this.#runners, collateral), keepCounts]
      this.#jobs = createAlarmJobs(storage, jobs, platform)
      // Answers wait until the leases of before are judged anew, but not for a chain that is down: without, none serves.
      void state.blockConcurrencyWhile(() =>
        Promise.race([restoreLeases(this.#runners), host.wait(RESTORE_MS)]),
      )
    }

    override async fetch(request: Request): Promise<Response> {
      return this.#app.fetch(request)
    }

    async models(): Promise<readonly string[]> {
      return this.#catalog.all().map(({ id }) => id)
    }

    async view(model: string): Promise<MarketView> {
      const { directory, store } = this.#runners
      const runners = (await store.leasesOf(model)).flatMap((leased) => {
        const live = directory.find(leased.runner.id)
        if (live === undefined) return []
        return [{ ...leased, standing: live.standing, seen: live.load.seen }]
      })
      return { offer: this.#catalog.find(model), runners }
    }

    async modelOf(runner: string): Promise<string | undefined> {
      return this.#runners.directory.find(runner)?.model
    }

    async keyset(runner: string, digest: string): Promise<string | undefined> {
      return this.#runners.store.findKeyset(runnerId(runner), digest)
    }

    async runnerAt(port: number): Promise<string | undefined> {
      return this.#origins.runnerAt(port)
    }

    async covered(): Promise<boolean> {
      const { liabilities, totals } = await this.#reserves.snapshot()
      if (totals === undefined) throw new MoneyError('unavailable', 'the Till cannot be read now')
      return isCovered(liabilities, totals)
    }

    async exportUnits(from: number, limit: number): Promise<readonly Unit[]> {
      const { market } = GATEWAY_TABLES
      const marks = () => readMarks(this.#store)
      return unitPage([marks, ...readTables(this.#store, market)], from, limit)
    }

    async importUnit(unit: Unit, digest: string): Promise<UnitOutcome> {
      return tryWriteUnit(() => writeUnit(this.#store, unit, { digest, hosts: 'outbox' }))
    }

    async note({ tallies, ...counts }: PlaceReport): Promise<void> {
      this.#metrics.merge(counts)
      for (const { runner, answered, faults } of tallies) {
        const tally = this.#runners.directory.find(runner)?.load.tally
        if (tally === undefined) continue
        tally.answered += answered
        for (const [code, count] of faults) {
          tally.faults.set(code, (tally.faults.get(code) ?? 0) + count)
        }
      }
    }

    async reload(): Promise<void> {
      this.ctx.abort('starts anew after an import')
    }

    wake(): Promise<void> {
      return this.#jobs.wake()
    }

    override alarm(): Promise<void> {
      return this.#jobs.run()
    }
  }
}

/** Reserves are shown without the Till while it cannot be read. */
function unread(error: unknown): undefined {
  if (!(error instanceof MoneyError)) throw error
}

/** What the jobs of watcher and cashier last saw, each in its own object. */
async function moneyStatus(objects: Objects): Promise<MoneyStatus> {
  const [chain, cashier] = await Promise.all([objects.chain().status(), objects.cashier().status()])
  const { reconcile, watch, agreement } = chain
  return { ...cashier, reconcile, watch, agreement }
}
