import { type UnixMs, unixMs } from '#base/brand.ts'
import type { RunnerId, SessionId } from '../db/ids.ts'
import { appraiseLeases } from './appraise-leases.ts'
import type { RunnersDeps } from './deps.ts'
import type { RunnerState } from './live-runner.ts'

/** A lease as the tables have it now, without what never changes. */
export interface LeaseGlance {
  readonly id: RunnerId
  readonly session: SessionId
  readonly state: RunnerState
  readonly seen: UnixMs
}

/**
 * Brings this gateway's directory up to what others wrote since: runners that registered elsewhere are judged here too
 * before they get work, states and signs of life are taken over, ended leases are forgotten.
 */
export function followMarket(
  deps: RunnersDeps,
  look: () => Promise<readonly LeaseGlance[]>,
): () => Promise<void> {
  /** Sessions that could not be judged: left to the job that judges all. */
  const tried = new Set<SessionId>()
  return async () => {
    const { directory } = deps
    const glances = await look()
    const leased = new Set<string>(glances.map(({ id }) => id))
    for (const { id } of directory.all()) if (!leased.has(id)) directory.remove(id)
    const fresh: RunnerId[] = []
    for (const { id, session, state, seen } of glances) {
      const live = directory.find(id)
      if (live?.lease.session !== session) {
        if (!tried.has(session)) fresh.push(id)
        tried.add(session)
        continue
      }
      live.load.seen = unixMs(Math.max(seen, live.load.seen))
      if (live.state !== state) directory.setState(id, state)
    }
    const current = new Set(glances.map(({ session }) => session))
    for (const session of tried) if (!current.has(session)) tried.delete(session)
    if (fresh.length > 0) await appraiseLeases(deps, fresh)
  }
}
