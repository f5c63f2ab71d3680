import type { Op, OpName, OpOf, Result } from '#gateway/ledger/port.ts'
import type { SqliteStore } from '#gateway/node/open-sqlite.ts'
import type { Sabotage } from '../gateway-process.ts'
import type { SimulationOptions } from '../simulation.ts'

/** One rule of the product, and how to be without it. */
export interface Guard {
  readonly name: string
  readonly broken: Omit<SimulationOptions, 'seed'>
}

type Core = NonNullable<Sabotage['core']>

/** The same SQL without a condition, or with another text in its place. */
export const sql = (from: string, to = ''): Sabotage['sql'] => {
  return (text) => text.replace(from, to)
}

/** Sees each operation of one kind before the ledger does, and what it came to. */
export function wrapped<Name extends OpName>(
  name: Name,
  change: (op: OpOf<Name>, store: SqliteStore) => OpOf<Name>,
  after: (op: OpOf<Name>, result: Result, store: SqliteStore) => Result = (_, result) => result,
): Core {
  return (core, store) => ({
    apply: (calls) => {
      const changed = calls.map((ops) =>
        // Sound: only operations of this name are changed, into the same kind.
        ops.map((op) => (op.op === name ? change(op as OpOf<Name>, store) : op)),
      )
      return core.apply(changed).map((outcome, c) => {
        if (!outcome.ok) return outcome
        const results = outcome.results.map((result, i) => {
          const op: Op | undefined = changed[c]?.[i]
          // Sound: as above.
          return op?.op === name ? after(op as OpOf<Name>, result, store) : result
        })
        return { ok: true, results }
      })
    },
  })
}

export const same = <T>(op: T): T => op
