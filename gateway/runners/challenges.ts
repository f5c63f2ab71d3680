import type { Random, UnixSeconds } from '#base/brand.ts'
import type { MacKey } from '#protocol'
import type { Answer } from '../db/db.ts'
import { ApiError } from '../errors.ts'
import { makeOwnNonce, REGISTRATION, readOwnNonce } from '../own-nonce.ts'

/** Registration challenges: random, single-use, short-lived. They are also the nonces of quotes (H7). */
export interface Challenges {
  /** Costs no memory: whoever asks for many keeps no host out. */
  issue(now: UnixSeconds): { readonly challenge: string; readonly expiresAt: UnixSeconds }
  /** Whether it is one of ours and not over. @throws ApiError `invalid_challenge` */
  check(challenge: string, now: UnixSeconds): void
  /** Uses a challenge up, for evidence that was accepted: only machines fill this memory. @throws ApiError `invalid_challenge` */
  use(challenge: string, now: UnixSeconds): Promise<void>
}

/** Challenges that were used, for as long as they would be taken. */
export interface UsedChallenges {
  /** Drops what is over at `now`, and keeps this one. @returns false: it was there already */
  add(challenge: string, expires: UnixSeconds, now: UnixSeconds): Answer<boolean>
}

const KIND = { kind: REGISTRATION, subject: 'registration' }

export function createChallenges({
  mac,
  random,
  used,
}: {
  /** Lives as long as `used` does: else what was used before a restart could be used after it. */
  readonly mac: MacKey
  readonly random: Random
  readonly used: UsedChallenges
}): Challenges {
  const endOf = (challenge: string, now: UnixSeconds): UnixSeconds => {
    const expires = readOwnNonce(mac, { ...KIND, now }, challenge)
    if (expires === undefined) throw refused()
    return expires
  }
  return {
    issue(now) {
      const { nonce, expiresAt } = makeOwnNonce(mac, { ...KIND, now }, random)
      return { challenge: nonce, expiresAt }
    },
    check(challenge, now) {
      endOf(challenge, now)
    },
    async use(challenge, now) {
      if (!(await used.add(challenge, endOf(challenge, now), now))) throw refused()
    },
  }
}

function refused(): ApiError {
  return new ApiError('invalid_challenge', 'The challenge is unknown, used or expired: ask anew')
}

/** Of one process. */
export function usedInMemory(): UsedChallenges {
  const kept = new Map<string, UnixSeconds>()
  return {
    add(challenge, expires, now) {
      for (const [other, end] of kept) if (end <= now) kept.delete(other)
      if (kept.has(challenge)) return false
      kept.set(challenge, expires)
      return true
    },
  }
}
