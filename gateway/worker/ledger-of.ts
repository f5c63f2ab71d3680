import type { Ledger, Op, ResultsOf } from '../ledger/port.ts'
import { auditObjects } from './audit-objects.ts'
import type { Objects } from './objects.ts'
import { CHAIN_STORE, routeLedger } from './route-ledger.ts'

/** The ledger over all objects. An audit visits them all, page by page. */
export function ledgerOf(objects: Objects): Ledger {
  const routed = routeLedger((name) =>
    name === CHAIN_STORE ? objects.chain() : objects.ledger(name),
  )
  return {
    async commit<const Ops extends readonly Op[]>(ops: Ops): Promise<ResultsOf<Ops>> {
      const [first] = ops
      if (ops.length !== 1 || first?.op !== 'audit') return routed.commit(ops)
      // Sound: one audit has one result.
      return [await auditObjects(objects, first.after)] as unknown as ResultsOf<Ops>
    },
  }
}
