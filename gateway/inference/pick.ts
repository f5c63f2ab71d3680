import type { UnixMs } from '#base/brand.ts'
import { type Bytes, concat, utf8 } from '#base/bytes.ts'
import type { Hashes, Prices } from '#protocol'
import type { Terms } from '../ledger/port.ts'
import { admits } from '../runners/breaker.ts'
import type { LiveRunner } from '../runners/live-runner.ts'
import { hasPlace, placesOf } from '../runners/load.ts'
import { faded } from '../runners/score.ts'
import type { Preferences, Sort } from './preferences.ts'

/** A runner with what the caller would pay there. */
export interface Candidate {
  readonly runner: LiveRunner
  readonly terms: Terms
}

export interface PickInput {
  readonly candidates: readonly Candidate[]
  readonly preferences: Preferences
  /** 32 bytes that name the caller's cached prefix, under a gateway key; undefined: no affinity. */
  readonly affinity: Bytes | undefined
  /** Runner ids that this request tried already. */
  readonly tried: ReadonlySet<string>
  readonly now: UnixMs
}

/**
 * `none`: no runner at all; `unlisted`: none that the caller's lists allow; `unproven`: only simulated ones, which keep no
 * promise about data; `price`: all are above the ceiling; `busy`: all are full.
 */
export type PickFailure = 'none' | 'unlisted' | 'unproven' | 'price' | 'busy'

export type Picked =
  | { readonly ok: true; readonly candidate: Candidate }
  | { readonly ok: false; readonly reason: PickFailure }

/**
 * Picks one runner.
 * 1. the caller's lists  2. hardware that keeps its promises, where the caller insists  3. its price ceiling  4. room for
 * one more, and a closed circuit  5. its own order, or the best by its one criterion, then the runner that has its
 * prefix cached, then the better of two at random
 * @param random a number in [0, 1)
 */
export function pick(input: PickInput, hashes: Hashes, random: () => number): Picked {
  const { preferences, now } = input
  const wanted = input.candidates.filter(({ runner }) => isWanted(runner, input))
  if (wanted.length === 0) {
    return { ok: false, reason: input.candidates.length === 0 ? 'none' : 'unlisted' }
  }
  const proven = preferences.noRetention ? wanted.filter(isVerified) : wanted
  if (proven.length === 0) return { ok: false, reason: 'unproven' }
  const affordable = proven.filter(({ terms }) => isAffordable(terms.price, preferences))
  if (affordable.length === 0) return { ok: false, reason: 'price' }
  const open = affordable.filter(({ runner }) => hasPlace(runner, now))
  if (open.length === 0) return { ok: false, reason: 'busy' }
  // One that failed lately is still better than nobody.
  const awake = open.filter(({ runner }) => admits(runner.load.score.breaker, now))
  const free = awake.length === 0 ? open : awake
  const candidate =
    firstInOrder(free, preferences) ??
    (preferences.sort === undefined ? undefined : best(free, SORTS[preferences.sort], now)) ??
    (input.affinity === undefined ? undefined : byAffinity(free, input.affinity, hashes)) ??
    betterOfTwo(free, now, random)
  return candidate === undefined ? { ok: false, reason: 'none' } : { ok: true, candidate }
}

/** Hosts may be named by a runner or by the wallet that they earn for. */
function isNamed({ id, payee }: LiveRunner, names: ReadonlySet<string>): boolean {
  return names.has(id) || names.has(payee)
}

function isWanted(runner: LiveRunner, { preferences, tried }: PickInput): boolean {
  const { order, only, ignore } = preferences
  if (tried.has(runner.id) || isNamed(runner, ignore)) return false
  if (only !== undefined && !isNamed(runner, only)) return false
  return preferences.allowFallbacks || order.length === 0 || isNamed(runner, new Set(order))
}

/** Simulated hardware proves nothing about what its host reads. */
function isVerified({ runner }: Candidate): boolean {
  return runner.standing.status === 'verified'
}

function isAffordable(prices: Prices, { maxPrice }: Preferences): boolean {
  return (
    (maxPrice.input === undefined || prices.input <= maxPrice.input) &&
    (maxPrice.output === undefined || prices.output <= maxPrice.output)
  )
}

function firstInOrder(free: readonly Candidate[], { order }: Preferences): Candidate | undefined {
  for (const name of order) {
    const found = free.find(({ runner }) => runner.id === name || runner.payee === name)
    if (found !== undefined) return found
  }
  return undefined
}

/** Lower is better. */
type Cost = (candidate: Candidate, now: UnixMs) => number

/** The caller's one criterion; equal ones are told apart by how busy they are. */
const SORTS = {
  price: ({ terms }) => priceOf(terms.price),
  latency: ({ runner }, now) => faded(runner.load.score, now).firstByteMs,
  throughput: ({ runner }, now) => -faded(runner.load.score, now).tokensPerSecond,
} as const satisfies Record<Sort, Cost>

function best(free: readonly Candidate[], cost: Cost, now: UnixMs): Candidate | undefined {
  let found: Candidate | undefined
  let lowest = Number.POSITIVE_INFINITY
  for (const candidate of free) {
    const each = cost(candidate, now)
    const isLess =
      each < lowest || (each === lowest && loadOf(candidate.runner) < loadOf(found?.runner))
    if (!isLess) continue
    lowest = each
    found = candidate
  }
  return found
}

/** Share of its places that are taken. */
function loadOf(runner: LiveRunner | undefined): number {
  return runner === undefined ? 1 : runner.load.inFlight / placesOf(runner)
}

/** Rendezvous hashing: a prefix keeps its runner while others come and go; a runner near its limit is passed over. */
function byAffinity(
  free: readonly Candidate[],
  affinity: Bytes,
  hashes: Hashes,
): Candidate | undefined {
  let best: Candidate | undefined
  let highest = -1
  for (const candidate of free) {
    const { load, id } = candidate.runner
    if (load.inFlight >= placesOf(candidate.runner) * AFFINITY_LOAD) continue
    const digest = hashes.sha256(concat(affinity, utf8(id)))
    const weight = new DataView(digest.buffer, digest.byteOffset).getUint32(0)
    if (weight > highest) {
      highest = weight
      best = candidate
    }
  }
  return best
}

/** Above this share of its capacity a cached prefix is not worth the wait. */
const AFFINITY_LOAD = 0.8

function betterOfTwo(
  free: readonly Candidate[],
  now: UnixMs,
  random: () => number,
): Candidate | undefined {
  const first = Math.floor(random() * free.length)
  const a = free[first]
  if (free.length === 1 || a === undefined) return a
  // The second is drawn from the others.
  const b = free[(first + 1 + Math.floor(random() * (free.length - 1))) % free.length] ?? a
  return costOf(b, now) < costOf(a, now) ? b : a
}

/** Price times how long the caller is likely to wait for a usual answer, worse for one that fails. */
function costOf({ runner, terms }: Candidate, now: UnixMs): number {
  const { firstByteMs, tokensPerSecond, success } = faded(runner.load.score, now)
  const crowd = 1 + loadOf(runner)
  const waitMs = crowd * (firstByteMs + (USUAL_TOKENS * 1000) / Math.max(1, tokensPerSecond))
  return waitMs * priceOf(terms.price) * (1 + FAILURE_WEIGHT * (1 - success))
}

const USUAL_TOKENS = 200
const FAILURE_WEIGHT = 10

function priceOf(price: Prices): number {
  return Number(price.input) + Number(price.output) + 1
}
