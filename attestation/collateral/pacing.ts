import type { UnixMs } from '#base/brand.ts'
import { CollateralError } from './fetch-entry.ts'

const BASE_DELAY_MS = 1_000
const MAX_DELAY_MS = 600_000
const MINUTE_MS = 60_000
const MAX_ORIGINS = 64

interface Pace {
  /** Failures in a row. */
  failed: number
  /** Nothing is asked before this time. */
  notBefore: number
  /** Times of the requests of the last minute. */
  recent: number[]
}

/**
 * Decides whether a service may be asked now: exponential back-off after failures, its own Retry-After, and our
 * budget per minute, so that forged evidence cannot burn the quota that the vendor gives us (M7).
 */
export class Pacing {
  readonly #paces = new Map<string, Pace>()
  readonly #perMinute: number

  /** @param perMinute most requests to one origin in a minute */
  constructor(perMinute: number) {
    this.#perMinute = perMinute
  }

  /** Claims one request. @throws CollateralError rate-limited */
  claim(origin: string, now: UnixMs): void {
    const pace = this.#pace(origin)
    const wait = pace.notBefore - now
    if (wait > 0) this.#refuse(origin, wait)
    pace.recent = pace.recent.filter((time) => time > now - MINUTE_MS)
    const [oldest = now] = pace.recent
    if (pace.recent.length >= this.#perMinute) this.#refuse(origin, oldest + MINUTE_MS - now)
    pace.recent.push(now)
  }

  /** Ends the row of failures. A wait that another request was just told of stays. */
  succeeded(origin: string): void {
    this.#pace(origin).failed = 0
  }

  /** A missing object is an answer; only a service that fails or asks for patience is left alone. */
  failed(origin: string, error: CollateralError, now: UnixMs): void {
    const ours = error.code === 'not-found' || error.code === 'forbidden-host'
    if (ours) return
    const pace = this.#pace(origin)
    pace.failed += 1
    const backOff = Math.min(BASE_DELAY_MS * 2 ** (pace.failed - 1), MAX_DELAY_MS)
    pace.notBefore = now + Math.max(backOff, (error.retryAfterSeconds ?? 0) * 1_000)
  }

  #refuse(origin: string, waitMs: number): never {
    const retryAfterSeconds = Math.ceil(waitMs / 1_000)
    const message = `${origin}: wait ${retryAfterSeconds} s`
    throw new CollateralError('rate-limited', message, { retryAfterSeconds })
  }

  #pace(origin: string): Pace {
    let pace = this.#paces.get(origin)
    if (pace === undefined) {
      // Origins come from the settings, so this only guards against a caller's mistake.
      if (this.#paces.size >= MAX_ORIGINS) this.#paces.clear()
      pace = { failed: 0, notBefore: 0, recent: [] }
      this.#paces.set(origin, pace)
    }
    return pace
  }
}
