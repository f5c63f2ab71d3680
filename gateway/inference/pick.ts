import type { UnixMs } from '#base/brand.ts'
import { type Bytes, concat, utf8 } from '#base/bytes.ts'
import type { Hashes, Prices } from '#protocol'
import type { Terms } from '../ledger/port.ts'
import type { LiveRunner } from '../runners/live-runner.ts'
import type { Preferences } from './preferences.ts'

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

/** `none`: no runner at all; `price`: all are above the ceiling; `busy`: all are full. */
export type PickFailure = 'none' | 'price' | 'busy'

export type Picked =
  | { readonly ok: true; readonly candidate: Candidate }
  | { readonly ok: false; readonly reason: PickFailure }

/**
 * Picks one runner.
 * 1. the caller's lists  2. its price ceiling  3. room for one more, and no failures lately  4. its own order, then
 * the runner that has its prefix cached, then the better of two at random
 * @param random a number in [0, 1)
 */
export function pick(input: PickInput, hashes: Hashes, random: () => number): Picked {
  const { preferences } = input
  const wanted = input.candidates.filter(({ runner }) => isWanted(runner, input))
  if (wanted.length === 0) return { ok: false, reason: 'none' }
  const affordable = wanted.filter(({ terms }) => isAffordable(terms.price, preferences))
  if (affordable.length === 0) return { ok: false, reason: 'price' }
  const open = affordable.filter(({ runner }) => runner.load.inFlight < runner.lease.capacity)
  if (open.length === 0) return { ok: false, reason: 'busy' }
  // One that failed lately is still better than nobody.
  const awake = open.filter(({ runner }) => runner.load.restsUntil <= input.now)
  const free = awake.length === 0 ? open : awake
  const candidate =
    firstInOrder(free, preferences) ??
    (input.affinity === undefined ? undefined : byAffinity(free, input.affinity, hashes)) ??
    betterOfTwo(free, random)
  return candidate === undefined ? { ok: false, reason: 'none' } : { ok: true, candidate }
}

function isWanted({ id }: LiveRunner, { preferences, tried }: PickInput): boolean {
  if (tried.has(id) || preferences.ignore.has(id)) return false
  if (!preferences.allowFallbacks && preferences.order.length > 0) {
    return preferences.order.includes(id)
  }
  return preferences.only === undefined || preferences.only.has(id)
}

function isAffordable(prices: Prices, { maxPrice }: Preferences): boolean {
  return (
    (maxPrice.input === undefined || prices.input <= maxPrice.input) &&
    (maxPrice.output === undefined || prices.output <= maxPrice.output)
  )
}

function firstInOrder(free: readonly Candidate[], { order }: Preferences): Candidate | undefined {
  for (const id of order) {
    const found = free.find(({ runner }) => runner.id === id)
    if (found !== undefined) return found
  }
  return undefined
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
    const { load, lease, id } = candidate.runner
    if (load.inFlight >= lease.capacity * AFFINITY_LOAD) continue
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

function betterOfTwo(free: readonly Candidate[], random: () => number): Candidate | undefined {
  const first = Math.floor(random() * free.length)
  const a = free[first]
  if (free.length === 1 || a === undefined) return a
  // The second is drawn from the others.
  const b = free[(first + 1 + Math.floor(random() * (free.length - 1))) % free.length] ?? a
  return scoreOf(b) < scoreOf(a) ? b : a
}

/** Lower is better: price times how long the caller is likely to wait, worse for one that fails. */
function scoreOf({ runner, terms }: Candidate): number {
  const { load, lease } = runner
  const wait = load.latencyMs * (1 + load.inFlight / lease.capacity)
  const price = Number(terms.price.input) + Number(terms.price.output) + 1
  return wait * price * (1 + FAILURE_WEIGHT * load.failures)
}

const FAILURE_WEIGHT = 10
