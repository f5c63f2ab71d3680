import type { UnixMs } from '#base/brand.ts'
import { abandoned, begun } from './breaker.ts'
import { busier, IDLE, isBusy, served } from './busy.ts'
import type { LiveRunner, Load } from './live-runner.ts'
import { newScore, noteSuccess, type Score } from './score.ts'
import { newTally } from './tally.ts'

export function newLoad(seen: UnixMs, score: Score = newScore(seen)): Load {
  return {
    inFlight: 0,
    score,
    tally: newTally(),
    busy: IDLE,
    seen,
    hasTunnel: false,
    capacity: Infinity,
  }
}

/** Requests that a runner may have at once now. */
export function placesOf({ load, lease }: LiveRunner): number {
  return Math.min(load.capacity, lease.capacity)
}

/** Whether it may get one more request now. */
export function hasPlace(runner: LiveRunner, now: UnixMs): boolean {
  const { inFlight, busy } = runner.load
  return inFlight < placesOf(runner) && !isBusy(busy, now)
}

/** An answer complete and in order. */
export function noteAnswer(load: Load, now: UnixMs): void {
  load.score = noteSuccess(load.score, now)
  load.busy = served(load.busy)
  load.tally.answered++
}

/** It says that it is busy. @returns whether it is believed: if not, that is a failure like another */
export function noteBusy(load: Load, now: UnixMs): boolean {
  const busy = busier(load.busy, now)
  if (busy === undefined) return false
  load.busy = busy
  return true
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
