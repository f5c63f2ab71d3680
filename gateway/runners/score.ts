import { type UnixMs, unixMs } from '#base/brand.ts'
import { type Breaker, CLOSED, failed, missing, succeeded } from './breaker.ts'

/**
 * How a runner does, from what this gateway saw itself: nothing that a runner says about itself counts. Immutable; each
 * observation makes the next one. Old observations fade, so that a runner that got no work for its bad ones is
 * tried again.
 */
export interface Score {
  /** Decaying mean of the time to the first byte. */
  readonly firstByteMs: number
  /** Decaying mean of proven completion tokens a second, from the first byte to the end. */
  readonly tokensPerSecond: number
  /** Decaying share of requests that it answered in order, 0 to 1. */
  readonly success: number
  readonly breaker: Breaker
  /** Of the newest observation. */
  readonly at: UnixMs
}

/** Weight of the newest observation. */
const NEWEST = 0.2
/** After this time without work half of what is known about a runner is forgotten. */
const HALF_LIFE_MS = 600_000
/** A runner without history is taken for a quick one, so that it gets its first requests. */
const UNKNOWN = { firstByteMs: 50, tokensPerSecond: 100, success: 1 }

export function newScore(at: UnixMs): Score {
  return { ...UNKNOWN, breaker: CLOSED, at }
}

/** A runner known from before, whose keys or lease are new: what it did is kept, but it is asked again at once. */
export function reopened(score: Score): Score {
  return { ...score, breaker: { ...score.breaker, openUntil: unixMs(0), isProbing: false } }
}

/** The score as it counts at a later time. */
export function faded(score: Score, now: UnixMs): Score {
  const left = 0.5 ** (Math.max(0, now - score.at) / HALF_LIFE_MS)
  const fade = (value: number, unknown: number): number => unknown + left * (value - unknown)
  return {
    firstByteMs: fade(score.firstByteMs, UNKNOWN.firstByteMs),
    tokensPerSecond: fade(score.tokensPerSecond, UNKNOWN.tokensPerSecond),
    success: fade(score.success, UNKNOWN.success),
    breaker: score.breaker,
    at: now,
  }
}

/** The first byte of an answer: quick or slow, but not yet a success. */
export function noteFirstByte(score: Score, ms: number, now: UnixMs): Score {
  const before = faded(score, now)
  return { ...before, firstByteMs: mean(before.firstByteMs, ms) }
}

/** An answer complete and in order. */
export function noteSuccess(score: Score, now: UnixMs): Score {
  const before = faded(score, now)
  return { ...before, success: mean(before.success, 1), breaker: succeeded(before.breaker) }
}

/** Tokens that a checked receipt names, over the time in which they came. */
export function noteThroughput(score: Score, tokens: number, ms: number, now: UnixMs): Score {
  if (tokens < MEASURED_TOKENS) return score
  const before = faded(score, now)
  const rate = (tokens * 1000) / Math.max(1, ms)
  return { ...before, tokensPerSecond: mean(before.tokensPerSecond, rate) }
}

/** Shorter answers measure the network, not the engine. */
const MEASURED_TOKENS = 16

/**
 * A request that the runner failed. `absent`: nobody is there. `lied`: it broke the protocol or signed what is not
 * true, which weighs more than a fault.
 */
export type Fault = 'failed' | 'absent' | 'lied'

export function noteFailure(score: Score, fault: Fault, now: UnixMs): Score {
  const before = faded(score, now)
  const success = fault === 'lied' ? before.success * LIE_LEAVES : mean(before.success, 0)
  const breaker = (fault === 'absent' ? missing : failed)(before.breaker, now)
  return { ...before, success, breaker }
}

const LIE_LEAVES = 0.5

function mean(before: number, newest: number): number {
  return before + NEWEST * (newest - before)
}
