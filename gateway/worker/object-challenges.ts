import type { UnixSeconds } from '#base/brand.ts'
import type { UsedChallenges } from '../runners/challenges.ts'

const PREFIX = 'challenge:'

/** Challenges that were used, also before the object slept. */
export function objectChallenges(kv: SyncKvStorage): UsedChallenges {
  return {
    add(challenge, expires, now) {
      for (const [key, end] of kv.list<UnixSeconds>({ prefix: PREFIX })) {
        if (end <= now) kv.delete(key)
      }
      const key = PREFIX + challenge
      if (kv.get<UnixSeconds>(key) !== undefined) return false
      kv.put(key, expires)
      return true
    },
  }
}
