import type { LedgerCore } from './core.ts'
import type { Op, ResultsOf } from './port.ts'

/** One call in one transaction, at once. @throws LedgerError */
export function applyCall<const Ops extends readonly Op[]>(
  core: LedgerCore,
  ops: Ops,
): ResultsOf<Ops> {
  const [outcome] = core.apply([ops])
  if (!outcome?.ok) throw outcome?.error ?? new RangeError('a call without an outcome')
  // Sound: the core answers each operation with its own kind of result, in order.
  return outcome.results as ResultsOf<Ops>
}
