import type { Op, Terms } from '../ledger/port.ts'

/** As many as the ledger's own memory of them. */
const MAX_TERMS = 10_000

/**
 * The ledger remembers terms by identity, which a message between threads does not keep: equal terms become one object
 * again.
 */
export function internTerms(): (op: Op) => Op {
  const known = new Map<string, Terms>()
  return (op) => {
    if (op.op !== 'reserve') return op
    const { model, runner, session, payee, price, commissionBps } = op.terms
    const name = JSON.stringify([
      ...[model, runner, session, payee, commissionBps],
      ...[price.input, price.cached, price.output].map(String),
    ])
    const terms = known.get(name)
    if (terms !== undefined) return { ...op, terms }
    if (known.size >= MAX_TERMS) known.clear()
    known.set(name, op.terms)
    return op
  }
}
