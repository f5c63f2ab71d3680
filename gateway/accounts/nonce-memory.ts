import type { Clock } from '#base/brand.ts'

/** Beyond that the oldest is forgotten: within the validity of a statement that takes hundreds a second. */
const MAX_NONCES = 200_000

/** Nonces of signed statements, for as long as the statement would be accepted. */
export interface NonceMemory {
  /** False when it was used before. */
  use(nonce: string): boolean | Promise<boolean>
}

export function createNonceMemory(clock: Clock, seconds: number): NonceMemory {
  const used = new Map<string, number>()
  return {
    use(nonce) {
      const now = clock()
      for (const [oldest, until] of used) {
        if (until > now && used.size < MAX_NONCES) break
        used.delete(oldest)
      }
      if (used.has(nonce)) return false
      used.set(nonce, now + seconds * 1000)
      return true
    },
  }
}
