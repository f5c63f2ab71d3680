import { type UnixSeconds, unixSeconds } from '#base/brand.ts'
import { demand } from '../errors.ts'
import type { JsonObject } from '../fields.ts'

export interface TokenDates {
  readonly issuedAt: UnixSeconds
  readonly expires: UnixSeconds
}

/** How far a token's start may lie ahead of our clock. */
const SKEW_SECONDS = 60
const MAX_LIFETIME_SECONDS = 3_600

/**
 * Checks that a token is valid now and lives no longer than the service's tokens do.
 * @throws AttestationError token-expired
 * @see RFC 7519 section 4.1
 */
export function checkDates(payload: JsonObject, now: UnixSeconds): TokenDates {
  const [issuedAt, notBefore, expires] = (['iat', 'nbf', 'exp'] as const).map((name) => {
    const value = payload[name]
    const whole = typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
    demand(whole, 'token-expired', `token has no ${name}`)
    return unixSeconds(value)
  })
  const all = issuedAt !== undefined && notBefore !== undefined && expires !== undefined
  demand(all, 'token-expired', 'token has no dates')
  demand(notBefore <= now + SKEW_SECONDS, 'token-expired', 'token is not valid yet')
  demand(issuedAt <= now + SKEW_SECONDS, 'token-expired', 'token is from the future')
  demand(now < expires, 'token-expired', 'token has expired')
  const lifetime = expires - issuedAt
  demand(lifetime <= MAX_LIFETIME_SECONDS, 'token-expired', `token lives ${lifetime} s`)
  return { issuedAt, expires }
}
