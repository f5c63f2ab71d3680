import { applyCall } from '../ledger/apply-call.ts'
import type { LedgerCore } from '../ledger/core.ts'
import type { Ledger, Op, ResultsOf } from '../ledger/port.ts'

/**
 * The watcher's view of the ledger. Accounts learn of the chain first and the cursor follows: counters are cumulative,
 * so that a crash in between only repeats. The watcher keeps copies of what it told them, which its limits are judged by.
 */
export function chainLedger(core: LedgerCore, all: Ledger): Ledger {
  return {
    async commit<const Ops extends readonly Op[]>(ops: Ops): Promise<ResultsOf<Ops>> {
      for (const op of ops) if (op.op === 'mirror_account') await all.commit([op])
      return applyCall(core, ops)
    },
  }
}
