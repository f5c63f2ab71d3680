import { type Clock, type Random, toSeconds, type UnixSeconds, unixSeconds } from '#base/brand.ts'
import type { ServingConstraints } from '#protocol'
import { ClientError, type ClientErrorCode, reasonOf } from '../errors.ts'
import { type Candidate, fetchCandidates, randomBelow, shuffled } from './candidates.ts'
import { hostsAmong } from './hosts.ts'
import { type VerifiedRunner, type VerifyDeps, verifyRunner } from './verify-runner.ts'

/** Why an offered runner is not used. */
export interface Refusal {
  readonly runner: string
  readonly model: string
  readonly code: ClientErrorCode
  readonly reason: string
}

export interface Choice {
  /** The endpoint that is to be asked. */
  readonly path: string
  readonly model: string
  readonly constraints: ServingConstraints
  /** Runners that this prompt must not go to any more. */
  readonly exclude: ReadonlySet<string>
  /** Prefers one runner for requests that share a cache: a rank of names, larger wins. */
  readonly rank?: (name: string) => number
}

type Wanted = Omit<Choice, 'exclude' | 'rank'>

/** The runners of one gateway that this client verified, and whom it chooses among them. */
export interface Pool {
  /** Verifies a first set. @throws ClientError when nothing can be used */
  open(): Promise<void>
  /** @throws ClientError `model_not_found`, `unsupported_endpoint`, `no_verified_runner` or the one reason there is */
  choose(choice: Choice): Promise<VerifiedRunner>
  /** Verifies a runner anew, for the same wish, after it said that its keys changed. @throws ClientError */
  renew(runner: VerifiedRunner, wanted: Wanted): Promise<VerifiedRunner>
  /** Forgets what is known of a runner that is gone. */
  drop(id: string): void
  verified(): readonly VerifiedRunner[]
  refused(): readonly Refusal[]
  models(): readonly string[]
}

/** Distinct hosts and chips below which a single broken one is likely to get the prompt (H12). */
export const WANTED_HOSTS = 3
const CANDIDATES_LIVE_SECONDS = 60
const REREAD_SECONDS = 1
const REFUSAL_SECONDS = 60
/** Verified again in the background when this near to the end of its verdict. */
const RENEW_AHEAD_SECONDS = 150
const FIRST_SET = 6
const AT_ONCE = 4

export function createPool(deps: VerifyDeps): Pool {
  return new RunnerPool(deps)
}

interface KnownRefusal extends Refusal {
  readonly sessionId: string
  readonly until: UnixSeconds
}

class RunnerPool implements Pool {
  readonly #deps: VerifyDeps
  readonly #clock: Clock
  readonly #random: Random
  readonly #verified = new Map<string, VerifiedRunner>()
  readonly #refused = new Map<string, KnownRefusal>()
  readonly #flights = new Map<string, Promise<VerifiedRunner>>()
  #candidates: readonly Candidate[] = []
  #readAt = -CANDIDATES_LIVE_SECONDS
  #reading: Promise<void> | undefined

  constructor(deps: VerifyDeps) {
    this.#deps = deps
    this.#clock = deps.clock
    this.#random = deps.random
  }

  async open(): Promise<void> {
    await this.#readCandidates(true)
    await this.#verifySome(this.#candidates, FIRST_SET)
    if (this.#live().length === 0) throw this.#nothing(this.#candidates)
  }

  async choose(choice: Choice): Promise<VerifiedRunner> {
    await this.#readCandidates(false)
    try {
      return await this.#chooseAmong(choice)
    } catch (error) {
      // The list may be older than the runner that has just come: one look at a new one.
      if (toSeconds(this.#clock()) - this.#readAt < REREAD_SECONDS) throw error
      await this.#readCandidates(true)
      return this.#chooseAmong(choice)
    }
  }

  async #chooseAmong({ exclude, rank, ...wanted }: Choice): Promise<VerifiedRunner> {
    const usable = this.#accepted(wanted).filter(
      ({ id, available }) => available && !exclude.has(id),
    )
    let live: readonly VerifiedRunner[] = this.#liveOf(usable)
    if (hostsAmong(live).length < WANTED_HOSTS) {
      await this.#verifySome(usable, FIRST_SET)
      live = this.#liveOf(usable)
    }
    live = demanded(live, wanted.constraints)
    if (live.length === 0) throw this.#nothing(usable)
    const chosen = this.#pick(live, rank)
    this.#renewAhead(chosen)
    return chosen
  }

  /** Whoever is offered for what is wanted. @throws ClientError when nobody is */
  #accepted({ path, model, constraints }: Wanted): readonly Candidate[] {
    const offered = this.#candidates.filter((candidate) => candidate.model === model)
    if (offered.length === 0) {
      throw new ClientError('model_not_found', 'No runner of this gateway serves that model')
    }
    const serving = offered.filter(({ endpoints }) => endpoints?.includes(path) ?? true)
    if (serving.length === 0) {
      throw new ClientError('unsupported_endpoint', 'No runner serves that model at this endpoint')
    }
    const { sessions } = constraints
    const accepted = serving.filter(({ sessionId }) => sessions?.has(sessionId) ?? true)
    if (accepted.length === 0) {
      throw new ClientError('session_not_accepted', 'No listed session serves that model')
    }
    return accepted
  }

  async renew(runner: VerifiedRunner, wanted: Wanted): Promise<VerifiedRunner> {
    this.drop(runner.id)
    await this.#readCandidates(true)
    const candidate = this.#accepted(wanted).find(({ id }) => id === runner.id)
    if (candidate === undefined) throw new ClientError('runner_gone', 'The runner has left')
    const [renewed] = demanded([await this.#verify(candidate)], wanted.constraints)
    if (renewed === undefined) throw this.#nothing([candidate])
    return renewed
  }

  drop(id: string): void {
    this.#verified.delete(id)
  }

  verified(): readonly VerifiedRunner[] {
    return this.#live()
  }

  refused(): readonly Refusal[] {
    return [...this.#refused.values()].map(({ until: _, sessionId: __, ...refusal }) => refusal)
  }

  models(): readonly string[] {
    return [...new Set(this.#candidates.map(({ model }) => model))]
  }

  /** @param force even when the list was read a moment ago */
  async #readCandidates(force: boolean): Promise<void> {
    const now = toSeconds(this.#clock())
    if (!force && now - this.#readAt < CANDIDATES_LIVE_SECONDS) return
    this.#reading ??= fetchCandidates(this.#deps, this.#deps.origin)
      .then((candidates) => this.#take(candidates, now))
      .finally(() => {
        this.#reading = undefined
      })
    await this.#reading
  }

  #take(candidates: readonly Candidate[], now: UnixSeconds): void {
    this.#candidates = candidates
    this.#readAt = now
    const sessions = new Map(candidates.map(({ id, sessionId }) => [id, sessionId]))
    const offers = new Map(candidates.map((candidate) => [candidate.id, candidate]))
    for (const [id, runner] of this.#verified) {
      const candidate = offers.get(id)
      // The offer's price may change within a session; what was verified may not.
      if (candidate === undefined || !isOfferOf(candidate, runner)) this.#verified.delete(id)
      else this.#verified.set(id, { ...runner, candidate })
    }
    for (const [id, { until, sessionId }] of this.#refused) {
      if (until <= now || sessions.get(id) !== sessionId) this.#refused.delete(id)
    }
  }

  async #verifySome(offered: readonly Candidate[], most: number): Promise<void> {
    const now = toSeconds(this.#clock())
    const known = new Set(this.#live().map(({ id }) => id))
    const refusedNow = (id: string): boolean => (this.#refused.get(id)?.until ?? 0) > now
    const unknown = offered.filter(({ id }) => !known.has(id) && !refusedNow(id))
    const asked = shuffled(unknown, this.#random).slice(0, most)
    for (let i = 0; i < asked.length; i += AT_ONCE) {
      const batch = asked.slice(i, i + AT_ONCE).map((candidate) => this.#verify(candidate))
      await Promise.allSettled(batch)
    }
  }

  #verify(candidate: Candidate): Promise<VerifiedRunner> {
    const { id, sessionId, model } = candidate
    const name = `${id} ${sessionId} ${model}`
    const flying = this.#flights.get(name)
    if (flying !== undefined) return flying
    const flight = verifyRunner(this.#deps, candidate)
      .then((runner) => {
        this.#verified.set(runner.id, runner)
        this.#refused.delete(runner.id)
        return runner
      })
      .catch((error: unknown) => {
        this.#refuse(candidate, error)
        throw error
      })
      .finally(() => this.#flights.delete(name))
    this.#flights.set(name, flight)
    return flight
  }

  #refuse({ id, model, sessionId }: Candidate, error: unknown): void {
    this.#verified.delete(id)
    const code = error instanceof ClientError ? error.code : 'evidence_refused'
    const until = unixSeconds(toSeconds(this.#clock()) + REFUSAL_SECONDS)
    const reason = reasonOf(error)
    this.#refused.set(id, { runner: id, model, code, reason, sessionId, until })
  }

  #live(): VerifiedRunner[] {
    const now = toSeconds(this.#clock())
    return [...this.#verified.values()].filter(({ validUntil }) => validUntil > now)
  }

  #liveOf(usable: readonly Candidate[]): VerifiedRunner[] {
    const offers = new Map(usable.map((candidate) => [candidate.id, candidate]))
    return this.#live().filter((runner) => {
      const offer = offers.get(runner.id)
      return offer !== undefined && isOfferOf(offer, runner)
    })
  }

  /** A host first, then one of its runners: a host with many runners is no likelier than another (H12). */
  #pick(live: readonly VerifiedRunner[], rank: Choice['rank']): VerifiedRunner {
    const host = this.#one(hostsAmong(live), ({ name }) => name, rank)
    const runner = this.#one(host?.runners ?? [], ({ id }) => id, rank)
    if (runner === undefined) throw this.#nothing([])
    return runner
  }

  /** At random, or the one that ranks highest. */
  #one<T>(items: readonly T[], nameOf: (item: T) => string, rank: Choice['rank']): T | undefined {
    if (items.length === 0) return undefined
    if (rank === undefined) return items[randomBelow(items.length, this.#random)]
    return items.reduce((best, next) => (rank(nameOf(next)) > rank(nameOf(best)) ? next : best))
  }

  #renewAhead(runner: VerifiedRunner): void {
    if (runner.validUntil - toSeconds(this.#clock()) > RENEW_AHEAD_SECONDS) return
    // A failure is kept as the runner's refusal: the next choice sees it.
    this.#verify(runner.candidate).catch(() => undefined)
  }

  /** Why there is no runner: the one reason, if all have the same. */
  #nothing(offered: readonly Candidate[]): ClientError {
    const ids = new Set(offered.map(({ id }) => id))
    const reasons = this.refused().filter(({ runner }) => ids.has(runner))
    const codes = [...new Set(reasons.map(({ code }) => code))]
    const [only] = codes
    const code = only !== undefined && codes.length === 1 ? only : 'no_verified_runner'
    const listed = reasons.slice(0, 3).map(({ reason }) => reason)
    const detail = listed.length === 0 ? 'none is offered' : listed.join('; ')
    return new ClientError(code, `No runner can be used (${offered.length} offered): ${detail}`)
  }
}

/** Whether an offer is still of what was verified: under another session or model it is of something else (H18). */
function isOfferOf({ sessionId, model }: Candidate, runner: VerifiedRunner): boolean {
  return sessionId === runner.sessionId && model === runner.subject.model
}

/** @throws ClientError `simulated_refused` */
function demanded(
  live: readonly VerifiedRunner[],
  { verified, sessions }: ServingConstraints,
): readonly VerifiedRunner[] {
  return verified && sessions === undefined ? genuine(live) : live
}

function genuine(live: readonly VerifiedRunner[]): readonly VerifiedRunner[] {
  const found = live.filter(({ status }) => status === 'verified')
  if (found.length > 0 || live.length === 0) return found
  throw new ClientError('simulated_refused', 'The request asks for verified hardware')
}
