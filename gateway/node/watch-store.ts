import type { Store } from '../db/db.ts'
import type { LedgerCore, Outcome } from '../ledger/core.ts'
import { codeOf, type Log } from '../log.ts'

type Tell = (log: Log, code: string) => void

/** What the operator does about each of SQLite's own errors; anything else is told by its code. */
const ADVICE: Readonly<Record<string, Tell>> = {
  SQLITE_FULL: (log, code) =>
    log('error', 'the disk is full: free some space, and the gateway goes on by itself', { code }),
  SQLITE_READONLY: (log, code) =>
    log('error', 'the database is read-only: give the gateway its file and folder to write', {
      code,
    }),
  SQLITE_IOERR: (log, code) =>
    log(
      'error',
      'the disk takes no writes: it is read-only or broken (see dmesg); mend it, then start the gateway again if it has not gone on by itself',
      { code },
    ),
  SQLITE_BUSY: (log, code) =>
    log('error', 'another process holds the database: one gateway has one file', { code }),
  SQLITE_CORRUPT: (log, code) =>
    log('error', 'the database is damaged: stop the gateway and restore a backup', { code }),
}
const UNKNOWN: Tell = (log, code) =>
  log('error', 'the database cannot be written: look at its disk', { code })

export interface WatchedStore {
  readonly core: LedgerCore
  /** False from a write that failed until one succeeds. */
  isWritable(): boolean
}

/** A core that says in the log what keeps it from writing, once until it can write again. */
export function watchStore(core: LedgerCore, store: Store, log: Log): WatchedStore {
  let failing: string | undefined
  return {
    core: {
      apply(calls) {
        const outcomes = core.apply(calls)
        const code = outcomes.map(failureOf).find((found) => found !== undefined)
        if (code !== undefined && code !== failing) adviceFor(code)(log, code)
        // What only reads succeeds on a disk that takes nothing.
        if (code === undefined && (failing === undefined || !canWrite(store))) return outcomes
        if (code === undefined) log('info', 'the database can be written again')
        failing = code
        return outcomes
      },
    },
    isWritable: () => failing === undefined,
  }
}

/** Writes a number over itself, which SQLite puts on the disk though nothing changes. Nothing else uses it. */
function canWrite(store: Store): boolean {
  try {
    store.transaction(() => store.script('PRAGMA user_version = 0'))
    return true
  } catch {
    return false
  }
}

function failureOf(outcome: Outcome): string | undefined {
  return outcome.ok ? undefined : codeOf(outcome.error.cause)
}

/** `SQLITE_IOERR_WRITE` and its like are named after what they are kinds of. */
function adviceFor(code: string): Tell {
  const kind = Object.keys(ADVICE).find((known) => code === known || code.startsWith(`${known}_`))
  return kind === undefined ? UNKNOWN : (ADVICE[kind] ?? UNKNOWN)
}
