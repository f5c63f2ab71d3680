import type { Random } from '#base/brand.ts'
import { type UnixSeconds, unixSeconds } from '#base/brand.ts'
import { hex } from '#base/bytes.ts'
import type { Answer } from '../db/db.ts'
import { ApiError } from '../errors.ts'

/** Registration challenges: random, single-use, short-lived. They are also the nonces of quotes (H7). */
export interface Challenges {
  /** @throws ApiError `rate_limit_exceeded` while too many are open */
  issue(now: UnixSeconds): Promise<{ readonly challenge: string; readonly expiresAt: UnixSeconds }>
  /** Uses a challenge up. @throws ApiError `invalid_challenge` */
  take(challenge: string, now: UnixSeconds): Promise<void>
}

const CHALLENGE_BYTES = 32
const LIFE_SECONDS = 300
const MAX_OPEN = 10_000

/** Where open challenges are kept. */
export interface ChallengeMemory {
  /** Drops what has expired. @returns how many are left */
  sweep(now: UnixSeconds): Answer<number>
  add(challenge: string, expires: UnixSeconds): Answer<void>
  /** Forgets the challenge. @returns when it expires, if it was open */
  take(challenge: string): Answer<UnixSeconds | undefined>
}

export function createChallenges(
  random: Random,
  memory: ChallengeMemory = createChallengeMemory(),
): Challenges {
  return {
    async issue(now) {
      if ((await memory.sweep(now)) >= MAX_OPEN) {
        throw new ApiError('rate_limit_exceeded', 'Too many registrations are under way')
      }
      const challenge = hex(random(CHALLENGE_BYTES))
      const expiresAt = unixSeconds(now + LIFE_SECONDS)
      await memory.add(challenge, expiresAt)
      return { challenge, expiresAt }
    },
    async take(challenge, now) {
      const expires = await memory.take(challenge)
      if (expires === undefined || expires <= now) {
        throw new ApiError(
          'invalid_challenge',
          'The challenge is unknown, used or expired: ask anew',
        )
      }
    },
  }
}

function createChallengeMemory(): ChallengeMemory {
  const open = new Map<string, UnixSeconds>()
  return {
    sweep(now) {
      for (const [challenge, expires] of open) {
        // Oldest first: the first one alive ends the sweep.
        if (expires > now) break
        open.delete(challenge)
      }
      return open.size
    },
    add: (challenge, expires) => {
      open.set(challenge, expires)
    },
    take(challenge) {
      const expires = open.get(challenge)
      open.delete(challenge)
      return expires
    },
  }
}
