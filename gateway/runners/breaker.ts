import { type UnixMs, unixMs } from '#base/brand.ts'

/** Circuit breaker of one runner, as data. */
export interface Breaker {
  /** Failures since the last success. */
  readonly failures: number
  /** Times that it opened since the last success: each rest is twice the one before. */
  readonly trips: number
  /** No work before this time, 0 when closed. */
  readonly openUntil: UnixMs
  /** Half open: one request tries whether the runner is back. */
  readonly isProbing: boolean
}

/** `open`: rests. `half_open`: one request at a time may try. */
export type BreakerState = 'closed' | 'open' | 'half_open'

export const CLOSED: Breaker = { failures: 0, trips: 0, openUntil: unixMs(0), isProbing: false }

/** Failures in a row at which a runner rests. */
const OPENS_AT = 5
const FIRST_REST_MS = 5_000
const LONGEST_REST_MS = 300_000

export function breakerState(breaker: Breaker, now: UnixMs): BreakerState {
  if (breaker.openUntil > now) return 'open'
  return breaker.trips === 0 ? 'closed' : 'half_open'
}

/** Whether a request may go to the runner while others are there to take it. */
export function admits(breaker: Breaker, now: UnixMs): boolean {
  const state = breakerState(breaker, now)
  return state === 'closed' || (state === 'half_open' && !breaker.isProbing)
}

/** A request goes to the runner. */
export function begun(breaker: Breaker, now: UnixMs): Breaker {
  return breakerState(breaker, now) === 'half_open' ? { ...breaker, isProbing: true } : breaker
}

export function succeeded(breaker: Breaker): Breaker {
  return breaker.failures === 0 && breaker.trips === 0 ? breaker : CLOSED
}

/** A request ended without saying anything about the runner: its client left. */
export function abandoned(breaker: Breaker): Breaker {
  return breaker.isProbing ? { ...breaker, isProbing: false } : breaker
}

/** Several failures in a row open it; so does the first one of a probe. */
export function failed(breaker: Breaker, now: UnixMs): Breaker {
  const failures = breaker.failures + 1
  const counted = { ...breaker, failures, isProbing: false }
  // Requests that were under way when it opened say nothing new.
  if (breakerState(breaker, now) === 'open') return counted
  return failures >= OPENS_AT || breaker.trips > 0 ? opened(counted, now) : counted
}

/** A connection that was refused outright: it opens at once. */
export function missing(breaker: Breaker, now: UnixMs): Breaker {
  const counted = { ...breaker, failures: breaker.failures + 1, isProbing: false }
  return breakerState(breaker, now) === 'open' ? counted : opened(counted, now)
}

function opened(breaker: Breaker, now: UnixMs): Breaker {
  const restMs = Math.min(LONGEST_REST_MS, FIRST_REST_MS * 2 ** breaker.trips)
  return { ...breaker, trips: breaker.trips + 1, openUntil: unixMs(now + restMs) }
}
