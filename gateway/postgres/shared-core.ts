import { type CoreOptions, createCore, type LedgerCore, type Outcome } from '../ledger/core.ts'
import type { Op } from '../ledger/port.ts'
import { PostgresError } from './errors.ts'
import { keptTail } from './kept-tail.ts'
import { locksOf, namesOf, type Scope, scopeOf } from './locks.ts'
import type { PostgresStore } from './open-postgres.ts'

/** A call that loses against others so often is given up. */
const MAX_TRIES = 5
/** Names in one transaction: each is a lock, and the server's table of locks is finite. */
const MAX_NAMES = 128

type Call = readonly Op[]

/** The ledger's core over a database that other processes write too. */
export function sharedCore(store: PostgresStore, options: Pick<CoreOptions, 'hosts'>): LedgerCore {
  const open = () => createCore(store, { ...options, openTail: keptTail })
  let core = open()
  let known = store.forgotten

  function applyGroup(calls: readonly Call[]): readonly Outcome[] {
    const outcomes = attempt(calls)
    return outcomes.map((outcome, i) => againIfRaced(calls[i] ?? [], outcome))
  }

  function attempt(calls: readonly Call[]): readonly Outcome[] {
    // Another process forgot accounts: what is remembered of any is read again.
    if (store.forgotten !== known) core = open()
    known = store.forgotten
    store.guard(locksOf(calls.flat()))
    try {
      return core.apply(calls)
    } finally {
      store.guard(undefined)
    }
  }

  /** Operations are data, and a transaction that failed left nothing: doing them again is safe. */
  function againIfRaced(call: Call, first: Outcome): Outcome {
    let outcome = first
    for (let tries = 1; isRaced(outcome) && tries < MAX_TRIES; tries++) {
      outcome = attempt([call])[0] ?? outcome
    }
    return outcome
  }

  return { apply: (calls) => groupsOf(calls).flatMap(applyGroup) }
}

function isRaced(outcome: Outcome): boolean {
  if (outcome.ok) return false
  const { cause } = outcome.error
  return cause instanceof PostgresError && cause.code === 'raced'
}

interface Group {
  readonly scope: Scope
  readonly names: Set<string>
  readonly calls: Call[]
}

/** Neighbours that may share a transaction, in their order. */
function groupsOf(calls: readonly Call[]): Call[][] {
  const groups: Group[] = []
  for (const call of calls) {
    const scope = scopeOf(call)
    const last = groups.at(-1)
    const names = call.flatMap(namesOf)
    // A read goes along with writes before it; alone it locks nobody.
    const fits = last?.scope === scope || (last?.scope === 'named' && scope === 'read')
    if (last !== undefined && fits && last.names.size + names.length <= MAX_NAMES) {
      last.calls.push(call)
      for (const name of names) last.names.add(name)
    } else groups.push({ scope, names: new Set(names), calls: [call] })
  }
  return groups.map((group) => group.calls)
}
