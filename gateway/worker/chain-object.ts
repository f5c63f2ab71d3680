import { DurableObject } from 'cloudflare:workers'
import { migrate } from '../db/migrate.ts'
import { applyCall } from '../ledger/apply-call.ts'
import { createCore, type LedgerCore } from '../ledger/core.ts'
import type { Op, Result } from '../ledger/port.ts'
import { createWatcherJobs } from '../money/money-jobs.ts'
import { createMoneyWatch } from '../money/money-watch.ts'
import { openChain } from '../money/open-chain.ts'
import { type AlarmJobs, createAlarmJobs } from './alarm-jobs.ts'
import { chainLedger } from './chain-ledger.ts'
import type { WorkerHost } from './host.ts'
import { objectStore } from './object-store.ts'
import type { ChainRpc } from './objects.ts'
import { openWorkerPlatform } from './worker-platform.ts'

/** The one watcher of the Till: its cursor, what it walked, and the history of deposits. */
export function chainObject(host: WorkerHost) {
  return class ChainObject extends DurableObject<Cloudflare.Env> implements ChainRpc {
    readonly #core: LedgerCore
    readonly #jobs: AlarmJobs

    constructor(state: DurableObjectState, env: Cloudflare.Env) {
      super(state, env)
      const { config, ledger, clock, log } = openWorkerPlatform(host, env)
      const store = objectStore(state.storage)
      migrate(store, host.migrations)
      this.#core = createCore(store, { hosts: 'outbox' })
      const { endpoint, apiKey, witnesses } = config.chain
      const jobs = createWatcherJobs({
        config,
        chain: openChain(host, endpoint, apiKey),
        witnesses: witnesses.map((witness) => openChain(host, witness)),
        ledger: chainLedger(this.#core, ledger),
        store,
        watch: createMoneyWatch(log),
        clock,
      })
      this.#jobs = createAlarmJobs(state.storage, jobs, { clock, log })
    }

    /** Reads of the history. */
    async commit(ops: readonly Op[]): Promise<readonly Result[]> {
      return applyCall(this.#core, ops)
    }

    wake(): Promise<void> {
      return this.#jobs.wake()
    }

    override alarm(): Promise<void> {
      return this.#jobs.run()
    }
  }
}
