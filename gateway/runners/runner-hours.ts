import { eq, gte, lt, type SQL, sql } from 'drizzle-orm'
import type { SQLiteColumn } from 'drizzle-orm/sqlite-core'
import type { UnixMs } from '#base/brand.ts'
import type { Answer, Store } from '../db/db.ts'
import type { RunnerId, TonAddress } from '../db/ids.ts'
import { runnerFaults, runnerHours, runners } from '../db/schema.ts'
import { FAULTS, type FaultCode } from './tally.ts'

/** What one stretch of time, inside one hour, adds to a runner's record. */
export interface HourEntry {
  readonly runner: RunnerId
  /** Unix time in whole hours. */
  readonly hour: number
  readonly watched: number
  readonly up: number
  readonly answered: number
  readonly faults: ReadonlyMap<FaultCode, number>
}

/** Sums over some hours. Seconds, and requests. */
export interface HourSums {
  readonly watched: number
  readonly up: number
  readonly answered: number
  readonly faults: Readonly<Partial<Record<FaultCode, number>>>
}

/** How runners did, by the hour: bounded, since hours that are over long ago are dropped. */
export interface RunnerHours {
  /** Runners that were there after this time: also those that are gone since. */
  seenSince(at: UnixMs): Answer<readonly RunnerId[]>
  add(entries: readonly HourEntry[]): Answer<void>
  /** By runner, from this hour on. */
  sum(from: number): Answer<ReadonlyMap<string, HourSums>>
  dropBefore(hour: number): Answer<void>
  /** Every runner that pays this address, newest first. */
  ofHost(payee: TonAddress, limit: number): Answer<readonly (typeof runners.$inferSelect)[]>
}

export function createRunnerHours(store: Store): RunnerHours {
  const { db } = store
  return {
    seenSince: (at) =>
      db
        .select({ id: runners.id })
        .from(runners)
        .where(gte(runners.seen, at))
        .all()
        .map(({ id }) => id),
    add(entries) {
      if (entries.length === 0) return
      store.transaction(() => {
        for (const entry of entries) addEntry(store, entry)
      })
    },
    sum(from) {
      const faults = sumFaults(store, from)
      const rows = db
        .select({
          runner: runnerHours.runner,
          watched: sql<number>`SUM(${runnerHours.watched})`,
          up: sql<number>`SUM(${runnerHours.up})`,
          answered: sql<number>`SUM(${runnerHours.answered})`,
        })
        .from(runnerHours)
        .where(gte(runnerHours.hour, from))
        .groupBy(runnerHours.runner)
        .all()
      return new Map(
        rows.map(({ runner, ...sums }) => [runner, { ...sums, faults: faults.get(runner) ?? {} }]),
      )
    },
    dropBefore(hour) {
      store.transaction(() => {
        db.delete(runnerHours).where(lt(runnerHours.hour, hour)).run()
        db.delete(runnerFaults).where(lt(runnerFaults.hour, hour)).run()
      })
    },
    ofHost: (payee, limit) =>
      db
        .select()
        .from(runners)
        .where(eq(runners.payee, payee))
        .orderBy(sql`${runners.seen} DESC`)
        .limit(limit)
        .all(),
  }
}

/** An hour has no more seconds than that, though a clock that is set back, or another gateway, counts some of them again. */
const HOUR_SECONDS = 3_600

function grown(column: SQLiteColumn, seconds: number): SQL {
  const sum = sql`${column} + ${seconds}`
  return sql`CASE WHEN ${sum} > ${HOUR_SECONDS} THEN ${HOUR_SECONDS} ELSE ${sum} END`
}

function addEntry({ db }: Store, { faults, ...counted }: HourEntry): void {
  const { runner, hour, watched, up, answered } = counted
  db.insert(runnerHours)
    .values(counted)
    .onConflictDoUpdate({
      target: [runnerHours.runner, runnerHours.hour],
      set: {
        watched: grown(runnerHours.watched, watched),
        up: grown(runnerHours.up, up),
        answered: sql`${runnerHours.answered} + ${answered}`,
      },
    })
    .run()
  for (const [code, count] of faults) {
    db.insert(runnerFaults)
      .values({ runner, hour, code, count })
      .onConflictDoUpdate({
        target: [runnerFaults.runner, runnerFaults.hour, runnerFaults.code],
        set: { count: sql`${runnerFaults.count} + ${count}` },
      })
      .run()
  }
}

function sumFaults(
  { db }: Store,
  from: number,
): ReadonlyMap<string, Partial<Record<FaultCode, number>>> {
  const sums = new Map<string, Partial<Record<FaultCode, number>>>()
  const { runner, code, count } = runnerFaults
  const rows = db
    .select({ runner, code, count: sql<number>`SUM(${count})` })
    .from(runnerFaults)
    .where(gte(runnerFaults.hour, from))
    .groupBy(runner, code)
    .all()
  for (const row of rows) {
    // A later version may have written codes that this one does not know.
    if (!KNOWN.has(row.code)) continue
    const sum = sums.get(row.runner) ?? {}
    sum[row.code] = row.count
    sums.set(row.runner, sum)
  }
  return sums
}

const KNOWN: ReadonlySet<string> = new Set(FAULTS)
