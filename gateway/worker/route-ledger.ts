import { LedgerError } from '../ledger/errors.ts'
import type { Ledger, Op, ResultsOf } from '../ledger/port.ts'

/** What a ledger object, or its stub, answers. */
export interface CommitRpc {
  commit(ops: readonly Op[]): Promise<unknown>
}

/** Where the history of the Till is. */
export const CHAIN_STORE = 'chain'

/**
 * The port over one Durable Object per account and one per host: the operations themselves say where they belong, so
 * nothing global is on the way.
 */
export function routeLedger(stub: (name: string) => CommitRpc): Ledger {
  return {
    async commit<const Ops extends readonly Op[]>(ops: Ops): Promise<ResultsOf<Ops>> {
      const names = new Set(ops.map(storeOf))
      const [name] = names
      if (name === undefined || names.size > 1) {
        throw new LedgerError('misrouted', `one call is for one store, not ${names.size}`)
      }
      try {
        // Sound: the object answers each operation with its own kind of result, in order.
        return (await stub(name).commit(ops)) as ResultsOf<Ops>
      } catch (cause) {
        // An error that crosses objects is no more than its message; one that broke off has Cloudflare's own.
        throw new LedgerError('unavailable', 'a ledger object did not take a call', { cause })
      }
    },
  }
}

/** The name of the object that holds what an operation is about. */
export function storeOf(op: Op): string {
  if ('account' in op) return `acct:${op.account}`
  if ('wallet' in op) return `wallet:${op.wallet}`
  if ('payee' in op) return `host:${op.payee}`
  if (op.op === 'list_events' || op.op === 'list_waiting') return CHAIN_STORE
  const [entry] = op.op === 'apply_outbox' ? op.entries : []
  if (entry !== undefined) return `host:${entry.payee}`
  throw new LedgerError('misrouted', `${op.op} belongs to a whole store`)
}
