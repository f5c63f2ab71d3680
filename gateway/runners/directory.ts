import { toSeconds, type UnixMs, type UnixSeconds } from '#base/brand.ts'
import type { RunnerId, SessionId } from '../db/ids.ts'
import type { LiveRunner, RunnerState, Standing } from './live-runner.ts'

/** Heartbeats come this often; a runner that misses three gets no new work. */
export const HEARTBEAT_SECONDS = 20
export const MISSED_MS = 3 * HEARTBEAT_SECONDS * 1000

/** Every runner with a lease, in memory: the hot path asks no database. */
export interface Runners {
  find(id: string): LiveRunner | undefined
  all(): readonly LiveRunner[]
  /** Runners that may get a request for the model now. */
  eligible(model: string, now: UnixMs): readonly LiveRunner[]
  /** Fetches what a copy of the directory lacks before a request asks it; nothing where this is the directory itself. */
  prepare(
    about: { readonly model: string } | { readonly runner: string },
  ): Promise<void> | undefined
  /** The runner failed a request: what a copy says of its model may be old, and is fetched anew. */
  suspect(runner: LiveRunner): void
}

/** The directory itself, where runners register. */
export interface Directory extends Runners {
  /** Adds a runner, or replaces it with what a new registration says. */
  put(runner: LiveRunner): void
  setState(id: RunnerId, state: RunnerState): void
  setStanding(id: RunnerId, session: SessionId, standing: Standing): void
  /** Forgets a runner: its session was cut, or its lease ended. */
  remove(id: RunnerId): void
}

export function createDirectory(): Directory {
  const runners = new Map<string, LiveRunner>()
  const change = (id: RunnerId, to: (runner: LiveRunner) => LiveRunner): void => {
    const runner = runners.get(id)
    if (runner !== undefined) runners.set(id, to(runner))
  }
  return {
    find: (id) => runners.get(id),
    all: () => [...runners.values()],
    eligible: (model, now) => {
      const found: LiveRunner[] = []
      const seconds = toSeconds(now)
      for (const runner of runners.values()) {
        if (runner.model === model && mayWork(runner, now, seconds)) found.push(runner)
      }
      return found
    },
    prepare: () => undefined,
    suspect: () => {},
    put: (runner) => {
      runners.set(runner.id, runner)
    },
    setState: (id, state) => change(id, (runner) => ({ ...runner, state })),
    setStanding: (id, session, standing) =>
      change(id, (runner) => (runner.lease.session === session ? { ...runner, standing } : runner)),
    remove: (id) => {
      runners.delete(id)
    },
  }
}

/** Admitted, attested, reachable and heard of lately: nothing else is ever picked. */
export function mayWork(runner: LiveRunner, now: UnixMs, seconds: UnixSeconds): boolean {
  return runner.state === 'admitted' && isUp(runner, now, seconds)
}

/** Could serve, whether the operator gives it work or not. */
export function isUp(runner: LiveRunner, now: UnixMs, seconds: UnixSeconds): boolean {
  return (
    isTrusted(runner, seconds) &&
    runner.load.capacity > 0 &&
    (runner.lease.target.kind === 'direct' || runner.load.hasTunnel) &&
    now - runner.load.seen <= MISSED_MS
  )
}

/** A clock may be set back so far without making verdicts old. */
const SET_BACK_SECONDS = 60

/** Its evidence was appraised lately enough and its keys live. A verdict of the future was made before the clock was set back. */
export function isTrusted(runner: LiveRunner, seconds: UnixSeconds): boolean {
  return (
    runner.state !== 'denied' &&
    runner.standing.appraised <= seconds + SET_BACK_SECONDS &&
    runner.standing.validUntil > seconds &&
    runner.lease.expires > seconds
  )
}
