import type { UnixSeconds } from '#base/brand.ts'
import type { ChallengeMemory } from '../runners/challenges.ts'

const PREFIX = 'challenge:'

/** Challenges that outlive the object's sleep: a quote over one may take longer than that comes. */
export function objectChallenges(kv: SyncKvStorage): ChallengeMemory {
  return {
    sweep(now) {
      let open = 0
      for (const [key, expires] of kv.list<UnixSeconds>({ prefix: PREFIX })) {
        if (expires <= now) kv.delete(key)
        else open++
      }
      return open
    },
    add: (challenge, expires) => kv.put(PREFIX + challenge, expires),
    take(challenge) {
      // A caller's text: only what could have been issued is looked up.
      if (!CHALLENGE.test(challenge)) return undefined
      const expires = kv.get<UnixSeconds>(PREFIX + challenge)
      kv.delete(PREFIX + challenge)
      return expires
    },
  }
}

const CHALLENGE = /^[0-9a-f]{64}$/
