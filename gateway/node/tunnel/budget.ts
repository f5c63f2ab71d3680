/** Tokens that come back with time: what a peer may do in a burst, and for ever. */
export interface Budget {
  /** @returns false when the peer has overdrawn it */
  spend(amount: number, nowMs: number): boolean
}

export function createBudget(burst: number, perSecond: number): Budget {
  let left = burst
  let last: number | undefined
  return {
    spend(amount, nowMs) {
      const passed = last === undefined ? 0 : Math.max(0, nowMs - last)
      last = nowMs
      left = Math.min(burst, left + (passed * perSecond) / 1000) - amount
      return left >= 0
    },
  }
}
