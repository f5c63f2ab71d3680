import type { LedgerCore } from './core.ts'
import type { Ledger, Op, Result, ResultsOf } from './port.ts'

/** Operations of one transaction; more wait for the next turn, so that no turn gets long. */
const MAX_OPS = 1_024

interface Waiting {
  readonly ops: readonly Op[]
  readonly resolve: (results: readonly Result[]) => void
  readonly reject: (error: Error) => void
}

/** Runs a task later. */
type Schedule = (task: () => void) => void

/**
 * Operations that nobody waits for: a settlement comes after its answer, and its receipt comes again from the runner's
 * outbox until it is durable. They ride on the next transaction, which saves a flush of the disk for each request.
 */
const PATIENT: ReadonlySet<Op['op']> = new Set(['settle'])

/**
 * Calls of one transaction that show a crowd: the next ones wait for each other some milliseconds, so that several times as many
 * share a flush. Whoever is few is not kept waiting. @see PostgreSQL's commit_delay and commit_siblings
 */
const CROWD = 4

/**
 * The port over a core in this process: everything asked for in one turn of the event loop shares one durable
 * transaction, so that many requests pay for one flush of the disk.
 * @param schedule runs a task at the end of the turn: `setImmediate` on Node
 */
export function groupCommit(
  core: LedgerCore,
  schedule: Schedule,
  {
    patience = schedule,
    gather = schedule,
    observe = () => () => {},
  }: {
    /** Runs a task some milliseconds later, for operations that can wait for others. */
    readonly patience?: Schedule
    /** The same for all operations, in a crowd. */
    readonly gather?: Schedule
    /** Told how many calls shared each transaction, around it. */
    readonly observe?: (calls: number) => () => void
  } = {},
): Ledger {
  let waiting: Waiting[] = []
  let isScheduled = false
  let isPatient = false
  let isCrowd = false

  function plan(ops: readonly Op[]): void {
    if (isScheduled) return
    if (!ops.every(({ op }) => PATIENT.has(op))) {
      isScheduled = true
      if (isCrowd) gather(flush)
      else schedule(flush)
    } else if (!isPatient) {
      isPatient = true
      patience(() => {
        isPatient = false
        // What waited may have gone with others, and newer ones may be under way already.
        if (!isScheduled && waiting.length > 0) flush()
      })
    }
  }

  function flush(): void {
    const batch = takeBatch()
    isCrowd = batch.length >= CROWD
    isScheduled = waiting.length > 0
    if (isScheduled) schedule(flush)
    const done = observe(batch.length)
    const outcomes = core.apply(batch.map(({ ops }) => ops))
    done()
    batch.forEach(({ resolve, reject }, index) => {
      const outcome = outcomes[index]
      if (outcome?.ok) resolve(outcome.results)
      else reject(outcome?.error ?? new RangeError('a call without an outcome'))
    })
  }

  function takeBatch(): Waiting[] {
    let ops = 0
    const end = waiting.findIndex((call) => {
      ops += call.ops.length
      return ops > MAX_OPS
    })
    // A call larger than the limit goes alone.
    const batch = waiting.slice(0, end === -1 ? waiting.length : Math.max(end, 1))
    waiting = waiting.slice(batch.length)
    return batch
  }

  return {
    commit<const Ops extends readonly Op[]>(ops: Ops): Promise<ResultsOf<Ops>> {
      return new Promise((resolve, reject) => {
        // Sound: the core answers each operation with its own kind of result, in order.
        const done = (results: readonly Result[]) => resolve(results as ResultsOf<Ops>)
        waiting.push({ ops, resolve: done, reject })
        plan(ops)
      })
    },
  }
}
