import { type UnixMs, unixMs } from '#base/brand.ts'
import type { Load } from './live-runner.ts'

/** Weight of the newest observation. */
const NEWEST = 0.2
/** A runner without history is taken for a quick one, so that it gets its first requests. */
const INITIAL_LATENCY_MS = 50
/** Share of failures at which a runner rests. */
const REST_AT = 0.6
const REST_MS = 5_000

export function newLoad(seen: UnixMs): Load {
  return { inFlight: 0, latencyMs: INITIAL_LATENCY_MS, failures: 0, restsUntil: unixMs(0), seen }
}

export function noteAnswer(load: Load, firstByteMs: number): void {
  load.latencyMs += NEWEST * (firstByteMs - load.latencyMs)
  load.failures -= NEWEST * load.failures
}

/** A request that the runner failed. Several in a row make it rest for a few seconds. */
export function noteFailure(load: Load, now: UnixMs): void {
  load.failures += NEWEST * (1 - load.failures)
  if (load.failures >= REST_AT) load.restsUntil = unixMs(now + REST_MS)
}

/** A connection that was refused outright: nobody is there. */
export function noteAbsence(load: Load, now: UnixMs): void {
  noteFailure(load, now)
  load.restsUntil = unixMs(now + REST_MS)
}
