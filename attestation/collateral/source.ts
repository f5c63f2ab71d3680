import { type Clock, toSeconds, type UnixSeconds } from '#base/brand.ts'
import type { Collateral, CollateralEntry, CollateralLifetime, CollateralRequest } from './entry.ts'
import {
  CollateralError,
  type CollateralErrorCode,
  type FetchSettings,
  fetchEntry,
} from './fetch-entry.ts'
import { Pacing } from './pacing.ts'
import type { CollateralStore } from './store.ts'

export interface SourceSettings extends FetchSettings {
  /** Most requests to one origin in a minute. */
  readonly requestsPerMinute: number
}

export interface SourceDeps {
  readonly fetch: typeof fetch
  readonly clock: Clock
  readonly store: CollateralStore
  /** Takes work that nobody waits for (refreshing); on Workers, `waitUntil`. It never rejects. */
  readonly background: (work: Promise<void>) => void
}

/**
 * What somebody hands over who may hold newer objects back, to hide a revocation or a recovery (M8): taken where the
 * vendor does not answer, and only so long after the vendor signed it.
 */
export interface Handed {
  readonly collateral: Collateral
  readonly maxAgeSeconds: number
}

/** What is at hand for some evidence, and why the rest is not. */
export interface Collected {
  readonly collateral: Collateral
  /** What was handed over and used for want of the vendor's own, with the times at which vendors signed it. */
  readonly handed: readonly { readonly name: string; readonly issued: UnixSeconds | undefined }[]
  readonly missing: readonly { readonly name: string; readonly code: CollateralErrorCode }[]
}

/** Asks for what is still needed, given what is at hand; empty when nothing is. */
export type NextRequests = (
  have: Collateral,
) => readonly CollateralRequest[] | Promise<readonly CollateralRequest[]>

export interface CollateralSource {
  /** Gathers collateral from the store and the services. Never throws for a service's failure. */
  collect(next: NextRequests, given?: Collateral, handed?: Handed): Promise<Collected>
  /** Fetches again what is due, ahead of its end; a job calls it. @returns how many were fetched */
  refreshDue(): Promise<number>
}

/** Some objects name others (reference measurements name certificates to check): rounds of asking. */
const MAX_ROUNDS = 4
const MAX_REQUESTS_PER_ROUND = 64
const MAX_WATCHED = 4_096

/** Store, services, back-off and single flight behind one call. */
export function createCollateralSource(
  settings: SourceSettings,
  deps: SourceDeps,
): CollateralSource {
  const { store, clock } = deps
  const pacing = new Pacing(settings.requestsPerMinute)
  const flights = new Map<string, Promise<CollateralEntry>>()
  const watched = new Map<string, CollateralRequest>()

  function fetchOnce(request: CollateralRequest): Promise<CollateralEntry> {
    const flying = flights.get(request.name)
    if (flying !== undefined) return flying
    const flight = fetchPaced(request).finally(() => flights.delete(request.name))
    flights.set(request.name, flight)
    return flight
  }

  async function fetchPaced(request: CollateralRequest): Promise<CollateralEntry> {
    const { origin } = new URL(request.url)
    pacing.claim(origin, clock())
    try {
      const entry = await fetchEntry(request, settings, deps)
      refuseRollback(request, entry, await store.get(request.name))
      pacing.succeeded(origin)
      await store.put(entry)
      return entry
    } catch (cause) {
      if (cause instanceof CollateralError) pacing.failed(origin, cause, clock())
      throw cause
    }
  }

  async function obtain(request: CollateralRequest): Promise<CollateralEntry> {
    watch(watched, request)
    const kept = await store.get(request.name)
    const lifetime = kept === undefined ? undefined : lifetimeOf(request, kept)
    const now = toSeconds(clock())
    if (kept === undefined || lifetime === undefined || isOver(lifetime, now)) {
      return fetchOnce(request)
    }
    if (isDue(lifetime, now)) {
      // The kept one still holds, so nobody waits, and a failure only means trying again later.
      deps.background(fetchOnce(request).then(ignore, ignore))
    }
    return kept
  }

  /** The vendor's own, or what was handed over: first where it never changes, else where the vendor does not answer. */
  async function obtainOr(request: CollateralRequest, handed: Handed | undefined) {
    const copy = usableCopy(request, handed, toSeconds(clock()))
    if (copy !== undefined && copy.lifetime.refresh === undefined) return { entry: copy.entry }
    try {
      return { entry: await obtain(request) }
    } catch (cause) {
      if (copy === undefined) throw cause
      return { entry: copy.entry, handed: { name: request.name, issued: copy.lifetime.issued } }
    }
  }

  async function collect(
    next: NextRequests,
    given: Collateral = new Map(),
    handed?: Handed,
  ): Promise<Collected> {
    const have = await withoutEnded(given, next)
    const used: Collected['handed'][number][] = []
    const missing = new Map<string, CollateralErrorCode>()
    for (let round = 0; round < MAX_ROUNDS; round++) {
      const requests = (await next(have)).filter(
        ({ name }) => !have.has(name) && !missing.has(name),
      )
      if (requests.length === 0) break
      await Promise.all(
        requests.slice(0, MAX_REQUESTS_PER_ROUND).map(async (request) => {
          try {
            const found = await obtainOr(request, handed)
            have.set(request.name, found.entry)
            if (found.handed !== undefined) used.push(found.handed)
          } catch (cause) {
            missing.set(request.name, cause instanceof CollateralError ? cause.code : 'network')
          }
        }),
      )
    }
    const absent = [...missing].map(([name, code]) => ({ name, code }))
    return { collateral: have, handed: used, missing: absent }
  }

  /** What came along spares a fetch only while it holds: an ended list must not hide a current one. */
  async function withoutEnded(
    given: Collateral,
    next: NextRequests,
  ): Promise<Map<string, CollateralEntry>> {
    const have = new Map(given)
    if (have.size === 0) return have
    const now = toSeconds(clock())
    for (const request of await next(new Map())) {
      const entry = have.get(request.name)
      const lifetime = entry === undefined ? undefined : lifetimeOf(request, entry)
      if (lifetime === undefined || isOver(lifetime, now)) have.delete(request.name)
    }
    return have
  }

  async function refreshDue(): Promise<number> {
    let refreshed = 0
    for (const request of watched.values()) {
      const kept = await store.get(request.name)
      const lifetime = kept === undefined ? undefined : lifetimeOf(request, kept)
      const now = toSeconds(clock())
      if (lifetime !== undefined && !isDue(lifetime, now) && !isOver(lifetime, now)) continue
      refreshed += await fetchOnce(request).then(
        () => 1,
        () => 0,
      )
    }
    return refreshed
  }

  return { collect, refreshDue }
}

/** Keeps the newest requests only: forged evidence may name objects without end. */
function watch(watched: Map<string, CollateralRequest>, request: CollateralRequest): void {
  watched.delete(request.name)
  watched.set(request.name, request)
  if (watched.size <= MAX_WATCHED) return
  const [oldest] = watched.keys()
  if (oldest !== undefined) watched.delete(oldest)
}

/** A service that answers with an older object than before would hide a revocation (M8). */
function refuseRollback(
  request: CollateralRequest,
  fetched: CollateralEntry,
  kept: CollateralEntry | undefined,
): void {
  const before = kept === undefined ? undefined : lifetimeOf(request, kept)?.sequence
  const after = lifetimeOf(request, fetched)?.sequence
  if (before === undefined || after === undefined || after >= before) return
  throw new CollateralError('invalid', `${request.name}: number ${after} is below ${before}`)
}

/** A kept entry that cannot be read counts as absent. */
function lifetimeOf(
  request: CollateralRequest,
  entry: CollateralEntry,
): CollateralLifetime | undefined {
  try {
    return request.lifetime(entry)
  } catch {
    return undefined
  }
}

function usableCopy(request: CollateralRequest, handed: Handed | undefined, now: UnixSeconds) {
  const entry = handed?.collateral.get(request.name)
  const lifetime = entry === undefined ? undefined : lifetimeOf(request, entry)
  if (handed === undefined || entry === undefined || lifetime === undefined) return undefined
  const isUsable = !isOver(lifetime, now) && !isOld(lifetime, now, handed.maxAgeSeconds)
  return isUsable ? { entry, lifetime } : undefined
}

/** Objects that live longer are signed about once a year: their newest may be months old. */
const SIGNED_OFTEN_SECONDS = 90 * 86_400

function isOld({ issued, expires }: CollateralLifetime, now: UnixSeconds, most: number): boolean {
  if (issued === undefined || expires === undefined) return false
  return expires - issued <= SIGNED_OFTEN_SECONDS && now - issued > most
}

function isOver({ expires }: CollateralLifetime, now: UnixSeconds): boolean {
  return expires !== undefined && now > expires
}

function isDue({ refresh }: CollateralLifetime, now: UnixSeconds): boolean {
  return refresh !== undefined && now >= refresh
}

function ignore(): void {}
