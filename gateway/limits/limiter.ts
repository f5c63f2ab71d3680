import type { Clock } from '#base/brand.ts'
import type { Identity } from '../accounts/authenticator.ts'
import type { AccountId, KeyId, RequestId } from '../db/ids.ts'
import { ApiError } from '../errors.ts'
import type { KeyRules } from '../ledger/port.ts'
import { type FullAt, giveBackTo, lookInto, type Rate, takeFrom } from './gcra.ts'

const MINUTE_MS = 60_000

/** Requests, tokens and concurrency of keys and accounts, as one process sees them. */
export interface Limiter {
  /** Counts a request that has come. @throws ApiError `rate_limit_exceeded`, `concurrency_exceeded` */
  enter(identity: Identity): Admission
  /** A receipt says how many tokens the request used: the rest is given back. 0: it came to nothing. */
  used(request: RequestId, tokens: number): void
  /** `x-ratelimit-*` of a key as they are now. */
  look(key: Pick<Identity, 'key' | 'rules'>): Readonly<Record<string, string>>
}

/** A request between its coming and its end. */
export interface Admission {
  /**
   * Takes the most tokens that the request may use, instead of what an earlier attempt took.
   * @throws ApiError `rate_limit_exceeded`, `request_exceeds_limit`
   */
  takeTokens(request: RequestId, tokens: number): void
  /** `x-ratelimit-*` as they are now. */
  headers(): Readonly<Record<string, string>>
  /** The request has ended. */
  leave(): void
}

export interface LimiterOptions {
  readonly clock: Clock
  /** Requests of one account at once. */
  readonly accountConcurrency: number
}

interface KeyState {
  requests: FullAt
  tokens: FullAt
  inFlight: number
}

interface TakenTokens {
  readonly state: KeyState
  readonly rate: Rate
  readonly amount: number
  /** After it the bucket is full again whatever is given back. */
  readonly until: number
}

/** States are swept once so many are kept; those of idle keys mean nothing. */
const SWEEP_AT = 10_000

export function createLimiter({ clock, accountConcurrency }: LimiterOptions): Limiter {
  const keys = new Map<KeyId, KeyState>()
  const accounts = new Map<AccountId, number>()
  const taken = new Map<RequestId, TakenTokens>()
  let sweepAt = SWEEP_AT

  function stateOf({ key }: Identity): KeyState {
    const known = keys.get(key)
    if (known !== undefined) return known
    if (keys.size >= sweepAt) sweep()
    const made = { requests: 0, tokens: 0, inFlight: 0 }
    keys.set(key, made)
    return made
  }

  function sweep(): void {
    const now = clock()
    for (const [key, { requests, tokens, inFlight }] of keys) {
      if (inFlight === 0 && requests <= now && tokens <= now) keys.delete(key)
    }
    sweepAt = Math.max(SWEEP_AT, keys.size * 2)
  }

  function giveBack(request: RequestId, used: number): void {
    const entry = taken.get(request)
    if (entry === undefined) return
    taken.delete(request)
    const { state, rate, amount } = entry
    state.tokens = giveBackTo(state.tokens, rate, Math.max(0, amount - used), clock())
  }

  function forgetOld(now: number): void {
    for (const [request, { until }] of taken) {
      if (until > now) break
      taken.delete(request)
    }
  }

  function takeTokens(state: KeyState, rate: Rate, request: RequestId, amount: number): void {
    const now = clock()
    forgetOld(now)
    giveBack(request, 0)
    const result = takeFrom(state.tokens, rate, amount, now)
    if (!result.ok) {
      if (result.retryAfterMs === null) {
        throw new ApiError(
          'request_exceeds_limit',
          `This request may use ${amount} tokens and this key ${rate.limit} a minute: lower max_tokens`,
        )
      }
      throw limited('tokens', rate, result.retryAfterMs, headersOf('tokens', state.tokens, rate))
    }
    state.tokens = result.fullAt
    taken.set(request, { state, rate, amount, until: now + MINUTE_MS })
  }

  function headersOf(what: What, fullAt: FullAt, rate: Rate) {
    const { remaining, resetMs } = lookInto(fullAt, rate, clock())
    return {
      [`x-ratelimit-limit-${what}`]: String(rate.limit),
      [`x-ratelimit-remaining-${what}`]: String(remaining),
      [`x-ratelimit-reset-${what}`]: duration(resetMs),
    }
  }

  function headersFor(rules: KeyRules, state: KeyState): Readonly<Record<string, string>> {
    const requests = perMinute(rules.requestsPerMinute)
    const tokens = perMinute(rules.tokensPerMinute)
    return {
      ...(requests && headersOf('requests', state.requests, requests)),
      ...(tokens && headersOf('tokens', state.tokens, tokens)),
    }
  }

  function takeRequest(state: KeyState, rate: Rate): void {
    const result = takeFrom(state.requests, rate, 1, clock())
    if (!result.ok) {
      const headers = headersOf('requests', state.requests, rate)
      throw limited('requests', rate, result.retryAfterMs ?? MINUTE_MS, headers)
    }
    state.requests = result.fullAt
  }

  return {
    enter(identity) {
      const { account, rules } = identity
      const atOnce = accounts.get(account) ?? 0
      if (atOnce >= accountConcurrency) throw tooMany('account', accountConcurrency)
      const state = isLimited(identity) ? stateOf(identity) : undefined
      const requests = perMinute(rules.requestsPerMinute)
      const tokens = perMinute(rules.tokensPerMinute)
      if (state !== undefined) {
        const { concurrency } = rules
        if (concurrency !== null && state.inFlight >= concurrency) throw tooMany('key', concurrency)
        if (requests !== undefined) takeRequest(state, requests)
        state.inFlight++
      }
      accounts.set(account, atOnce + 1)
      let isIn = true
      return {
        takeTokens(request, amount) {
          if (state !== undefined && tokens !== undefined) {
            takeTokens(state, tokens, request, amount)
          }
        },
        headers: () => (state === undefined ? NO_HEADERS : headersFor(rules, state)),
        leave() {
          if (!isIn) return
          isIn = false
          if (state !== undefined) state.inFlight--
          const left = (accounts.get(account) ?? 1) - 1
          if (left === 0) accounts.delete(account)
          else accounts.set(account, left)
        },
      }
    },
    used: giveBack,
    look: ({ key, rules }) => headersFor(rules, keys.get(key) ?? FRESH),
  }
}

type What = 'requests' | 'tokens'

/** Of a key that was not used lately. */
const FRESH: KeyState = { requests: 0, tokens: 0, inFlight: 0 }
const NO_HEADERS: Readonly<Record<string, string>> = {}

function isLimited({ rules }: Identity): boolean {
  const { requestsPerMinute, tokensPerMinute, concurrency } = rules
  return requestsPerMinute !== null || tokensPerMinute !== null || concurrency !== null
}

function perMinute(limit: number | null): Rate | undefined {
  return limit === null ? undefined : { limit, periodMs: MINUTE_MS }
}

function limited(
  what: What,
  { limit }: Rate,
  retryAfterMs: number,
  headers: Readonly<Record<string, string>>,
): ApiError {
  return new ApiError('rate_limit_exceeded', `This key may use ${limit} ${what} a minute`, {
    headers: {
      ...headers,
      'retry-after': String(Math.ceil(retryAfterMs / 1000)),
      'retry-after-ms': String(retryAfterMs),
    },
  })
}

function tooMany(whose: 'account' | 'key', most: number): ApiError {
  return new ApiError(
    'concurrency_exceeded',
    `This ${whose} may have ${most} requests under way at once`,
  )
}

/** As OpenAI writes it: `12ms`, `1.5s`, `6m0s`. */
function duration(ms: number): string {
  if (ms < 1_000) return `${ms}ms`
  const seconds = ms / 1_000
  if (seconds < 60) return `${Number(seconds.toFixed(3))}s`
  return `${Math.floor(seconds / 60)}m${Math.floor(seconds % 60)}s`
}
