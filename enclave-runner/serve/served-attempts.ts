/** Attempts that were served, each remembered until its allowance has expired. */
export interface ServedAttempts {
  /** @returns false when it was taken before. Times in unix seconds. */
  take(attempt: string, expires: number, now: number): boolean
}

/** Names kept between two sweeps of the expired ones. */
const SWEEP_EVERY = 4096

export function createServedAttempts(): ServedAttempts {
  const expiry = new Map<string, number>()
  let untilSweep = SWEEP_EVERY
  return {
    take(attempt, expires, now) {
      if (expiry.has(attempt)) return false
      expiry.set(attempt, expires)
      if (--untilSweep <= 0) {
        for (const [name, end] of expiry) if (end < now) expiry.delete(name)
        untilSweep = Math.max(SWEEP_EVERY, expiry.size)
      }
      return true
    },
  }
}
