import type { Keyset } from '#protocol'

/** An enclave's keys live no longer, by its measured image: what is left of it tells how old they are at most (M9). */
export const MAX_KEYSET_SECONDS = 86_400
const CLOCK_SKEW_SECONDS = 300

/** Whether a runner's keys are alive at a time, and no older than they may get. @param at unix seconds */
export function keysetLife({ not_after: end }: Keyset, at: number): 'alive' | 'ended' | 'lasting' {
  if (end <= at) return 'ended'
  return end > at + MAX_KEYSET_SECONDS + CLOCK_SKEW_SECONDS ? 'lasting' : 'alive'
}
