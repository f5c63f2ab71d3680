import { and, eq, inArray, isNull } from 'drizzle-orm'
import type { UnixMs } from '#base/brand.ts'
import type { Answer, Store } from '../db/db.ts'
import type { RunnerId, SessionId } from '../db/ids.ts'
import { leases, marks, runnerScores, runners, sessions } from '../db/schema.ts'
import type { RunnerState } from './live-runner.ts'
import type { Score } from './score.ts'

/** What changes of a session; its document never does. */
export interface SessionHead {
  readonly id: SessionId
  readonly appraised: UnixMs
  readonly cut: string | null
}

export type RunnerRow = typeof runners.$inferSelect
export type LeaseRow = typeof leases.$inferSelect
export type SessionRow = typeof sessions.$inferSelect

/** Runners, leases and sessions on disk: a restart keeps them all, so that nobody registers anew. */
export interface RunnerStore {
  /** Runners of any model that share a certified chip or GPU with these. */
  sharingHardware(ids: readonly string[]): Answer<readonly RunnerRow[]>
  findRunner(id: RunnerId): Answer<RunnerRow | undefined>
  /**
   * The runner, its session and its lease in one transaction. What the operator said of a known runner stays, whatever
   * the row says: it may have been read before.
   * @returns the runner's state; undefined when the machine became another runner of this model in the meantime (H7)
   */
  register(entry: {
    runner: RunnerRow
    session: SessionRow
    lease: LeaseRow
  }): Answer<RunnerState | undefined>
  /** Every runner with a lease and the session that it is under, or those alone. */
  leased(
    only?: readonly RunnerId[],
  ): Answer<readonly { runner: RunnerRow; lease: LeaseRow; session: SessionRow }[]>
  /** Runners of a model with their leases. */
  leasesOf(model: string): Answer<readonly { runner: RunnerRow; lease: LeaseRow }[]>
  /** @returns false when the sequence was used: a replay */
  advance(id: RunnerId, sequence: number, seen: UnixMs): Answer<boolean>
  setState(id: RunnerId, state: RunnerState): Answer<boolean>
  findSession(id: SessionId): Answer<SessionRow | undefined>
  findKeyset(runner: RunnerId, keysetDigest: string): Answer<string | undefined>
  /** Past ones too: whoever holds an old receipt looks here. */
  sessionsOfKeyset(keysetDigest: string, limit: number): Answer<readonly SessionHead[]>
  noteAppraisal(id: SessionId, at: UnixMs, collateral: string): Answer<void>
  /** A later appraisal refused it: for good. @param check the failed check's name */
  cutSession(id: SessionId, check: string): Answer<void>
  /** Of this session: a newer one stays. */
  endLease(runner: RunnerId, session: SessionId): Answer<void>
  findScore(runner: RunnerId): Answer<Score | undefined>
  saveScores(runners: readonly ScoredRunner[]): Answer<void>
  registryFloor: { get(): Answer<number>; put(version: number): Answer<void> }
}

/** What this gateway saw of a runner. */
export interface ScoredRunner {
  readonly id: RunnerId
  readonly score: Score
}

const REGISTRY_MARK = 'registry_version'

export function createRunnerStore(store: Store): RunnerStore {
  const { db } = store
  const sharing = (ids: readonly string[]): readonly RunnerRow[] => {
    const wanted = new Set(ids)
    return db
      .select()
      .from(runners)
      .all()
      .filter(({ hardware }) => hardware.split(',').some((id) => wanted.has(id)))
  }
  const findRunner = (id: RunnerId): RunnerRow | undefined =>
    db.select().from(runners).where(eq(runners.id, id)).get()
  return {
    sharingHardware: sharing,
    findRunner,
    register({ runner, session, lease }) {
      const { id: _, state: __, ...changes } = runner
      const { runner: ___, ...renewed } = lease
      return store.transaction(() => {
        const twins = sharing(runner.hardware.split(','))
        if (twins.some(({ id, model }) => id !== runner.id && model === runner.model)) {
          return undefined
        }
        db.insert(sessions).values(session).onConflictDoNothing().run()
        db.insert(runners)
          .values(runner)
          .onConflictDoUpdate({ target: runners.id, set: changes })
          .run()
        db.insert(leases)
          .values(lease)
          .onConflictDoUpdate({ target: leases.runner, set: renewed })
          .run()
        return findRunner(runner.id)?.state
      })
    },
    leased: (only) =>
      db
        .select({ runner: runners, lease: leases, session: sessions })
        .from(leases)
        .innerJoin(runners, eq(runners.id, leases.runner))
        .innerJoin(sessions, eq(sessions.id, leases.session))
        .where(
          and(
            isNull(sessions.cut),
            only === undefined ? undefined : inArray(leases.runner, [...only]),
          ),
        )
        .all(),
    leasesOf: (model) =>
      db
        .select({ runner: runners, lease: leases })
        .from(leases)
        .innerJoin(runners, eq(runners.id, leases.runner))
        .where(eq(runners.model, model))
        .all(),
    advance(id, sequence, seen) {
      const row = db.select().from(runners).where(eq(runners.id, id)).get()
      if (row === undefined || sequence <= row.sequence) return false
      db.update(runners).set({ sequence, seen }).where(eq(runners.id, id)).run()
      return true
    },
    setState: (id, state) =>
      db.update(runners).set({ state }).where(eq(runners.id, id)).returning().get() !== undefined,
    findSession: (id) => db.select().from(sessions).where(eq(sessions.id, id)).get(),
    findKeyset(runner, keysetDigest) {
      const row = db
        .select({ document: sessions.document })
        .from(sessions)
        .where(and(eq(sessions.runner, runner), eq(sessions.keyset_digest, keysetDigest)))
        .get()
      return row?.document
    },
    sessionsOfKeyset: (digest, limit) =>
      db
        .select({ id: sessions.id, appraised: sessions.appraised, cut: sessions.cut })
        .from(sessions)
        .where(eq(sessions.keyset_digest, digest))
        .limit(limit)
        .all(),
    noteAppraisal: (id, at, collateral) => {
      db.update(sessions).set({ appraised: at, collateral }).where(eq(sessions.id, id)).run()
    },
    cutSession: (id, check) => {
      db.update(sessions).set({ cut: check }).where(eq(sessions.id, id)).run()
    },
    endLease: (runner, session) => {
      db.delete(leases)
        .where(and(eq(leases.runner, runner), eq(leases.session, session)))
        .run()
    },
    findScore(runner) {
      const row = db.select().from(runnerScores).where(eq(runnerScores.runner, runner)).get()
      return row === undefined ? undefined : scoreOf(row)
    },
    saveScores(scored) {
      if (scored.length === 0) return
      store.transaction(() => {
        for (const { id, score } of scored) {
          const columns = columnsOf(score)
          db.insert(runnerScores)
            .values({ runner: id, ...columns })
            .onConflictDoUpdate({ target: runnerScores.runner, set: columns })
            .run()
        }
      })
    },
    registryFloor: {
      get: () => db.select().from(marks).where(eq(marks.name, REGISTRY_MARK)).get()?.value ?? 0,
      put: (value) => {
        db.insert(marks)
          .values({ name: REGISTRY_MARK, value })
          .onConflictDoUpdate({ target: marks.name, set: { value } })
          .run()
      },
    },
  }
}

type ScoreRow = typeof runnerScores.$inferSelect

function scoreOf({ first_byte_ms, tokens_per_second, success, at, ...breaker }: ScoreRow): Score {
  const { failures, trips, open_until } = breaker
  return {
    firstByteMs: first_byte_ms,
    tokensPerSecond: tokens_per_second,
    success,
    breaker: { failures, trips, openUntil: open_until, isProbing: false },
    at,
  }
}

function columnsOf({ firstByteMs, tokensPerSecond, success, breaker, at }: Score) {
  return {
    first_byte_ms: firstByteMs,
    tokens_per_second: tokensPerSecond,
    success,
    failures: breaker.failures,
    trips: breaker.trips,
    open_until: breaker.openUntil,
    at,
  }
}
