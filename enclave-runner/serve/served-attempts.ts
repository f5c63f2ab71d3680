/** Attempts that were served, each remembered until its allowance has expired. */
export interface ServedAttempts {
  /** @returns false when it was taken before. Times in unix seconds. */
  take(attempt: string, expires: number, now: number): boolean
  /** Attempts that are remembered: those of the last minutes, however many there were before. */
  readonly size: number
}

/** Between two sweeps of the expired ones. By time, not by count: what a burst left would stay until another one came. */
const SWEEP_SECONDS = 60

export function createServedAttempts(): ServedAttempts {
  const expiry = new Map<string, number>()
  let swept = 0
  return {
    take(attempt, expires, now) {
      if (expiry.has(attempt)) return false
      expiry.set(attempt, expires)
      // Either way: a clock that was set back sweeps too.
      if (Math.abs(now - swept) >= SWEEP_SECONDS) {
        for (const [name, end] of expiry) if (end < now) expiry.delete(name)
        swept = now
      }
      return true
    },
    get size() {
      return expiry.size
    },
  }
}
