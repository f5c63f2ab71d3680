import type { Clock } from '#base/brand.ts'
import { ApiError } from '../errors.ts'
import { type FullAt, type Rate, takeFrom } from './gcra.ts'

/** Beyond that the oldest is forgotten: a flood of addresses cannot fill the memory. */
const MAX_ADDRESSES = 100_000
const HOUR_MS = 3_600_000

/** How often strangers may ask for what costs a store something, each address by itself. */
export interface AddressLimiter {
  /** @throws ApiError `rate_limit_exceeded` */
  take(address: string): void
}

/** @param perHour 0: no limit */
export function createAddressLimiter(perHour: number, clock: Clock): AddressLimiter {
  const buckets = new Map<string, FullAt>()
  const rate: Rate = { limit: perHour, periodMs: HOUR_MS }
  return {
    take(address) {
      if (perHour === 0) return
      const now = clock()
      const result = takeFrom(buckets.get(address) ?? 0, rate, 1, now)
      if (!result.ok) {
        const seconds = Math.ceil((result.retryAfterMs ?? HOUR_MS) / 1000)
        throw new ApiError('rate_limit_exceeded', 'Too many of these from this address', {
          headers: { 'retry-after': String(seconds) },
        })
      }
      buckets.delete(address)
      for (const [oldest, fullAt] of buckets) {
        if (fullAt > now && buckets.size < MAX_ADDRESSES) break
        buckets.delete(oldest)
      }
      buckets.set(address, result.fullAt)
    },
  }
}
