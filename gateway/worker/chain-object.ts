import { applyCall } from '../ledger/apply-call.ts'
import type { Op, Result } from '../ledger/port.ts'
import { createWatcherJobs } from '../money/money-jobs.ts'
import { chainLedger } from './chain-ledger.ts'
import type { WorkerHost } from './host.ts'
import { MoneyObject } from './money-object.ts'
import { type ChainRpc, objectsOf } from './objects.ts'

/** The one watcher of the Till: its cursor, what it walked, and the history of deposits. */
export function chainObject(host: WorkerHost) {
  return class ChainObject extends MoneyObject implements ChainRpc {
    constructor(state: DurableObjectState, env: Cloudflare.Env) {
      super(state, env, {
        host,
        place: 'chain',
        jobs: ({ ledger, ...parts }) =>
          createWatcherJobs({
            ...parts,
            ledger: chainLedger(parts.core, ledger),
            covers: () => objectsOf(env).market().covered(),
          }),
      })
    }

    /** Reads of the history. */
    async commit(ops: readonly Op[]): Promise<readonly Result[]> {
      return applyCall(this.core, ops)
    }
  }
}
