import type { UnixMs } from '#base/brand.ts'
import { abandoned, begun } from './breaker.ts'
import type { LiveRunner, Load } from './live-runner.ts'
import { newScore, type Score } from './score.ts'
import { newTally } from './tally.ts'

export function newLoad(seen: UnixMs, score: Score = newScore(seen)): Load {
  return { inFlight: 0, score, tally: newTally(), seen, hasTunnel: false, capacity: Infinity }
}

/** Requests that a runner may have at once now. */
export function placesOf({ load, lease }: LiveRunner): number {
  return Math.min(load.capacity, lease.capacity)
}

/** Takes one of the runner's places for a request. @returns gives it back, once */
export function takePlace(load: Load, now: UnixMs): () => void {
  const { score } = load
  load.inFlight++
  load.score = { ...score, breaker: begun(score.breaker, now) }
  let taken = true
  return () => {
    if (!taken) return
    taken = false
    load.inFlight--
    load.score = { ...load.score, breaker: abandoned(load.score.breaker) }
  }
}
