import type { Queued } from './fair-queue.ts'

/** What a waiting room holds at most. */
export interface RoomLimits {
  readonly requests: number
  readonly bytes: number
}

/** What each account takes of the room, 1 being all of it, by the places or the memory of its requests, whichever is more. */
export function sharesOf(
  waiting: Iterable<Queued>,
  limits: RoomLimits,
): ReadonlyMap<string, number> {
  const shares = new Map<string, number>()
  for (const entry of waiting) {
    shares.set(entry.account, (shares.get(entry.account) ?? 0) + shareOf(entry, limits))
  }
  return shares
}

/**
 * Who leaves a full room for a newcomer, whatever model they wait for: the newest of the account that takes most of the room, if
 * that takes more than the newcomer's would. So a crowd before one model keeps nobody from waiting for another.
 */
export function whoMakesRoom<T extends Queued>(
  waiting: readonly T[],
  newcomer: Queued,
  { shares, limits }: { readonly shares: ReadonlyMap<string, number>; readonly limits: RoomLimits },
): T | undefined {
  const own = (shares.get(newcomer.account) ?? 0) + shareOf(newcomer, limits)
  let [greediest, most] = ['', own]
  for (const [account, share] of shares) {
    if (share > most) [greediest, most] = [account, share]
  }
  return waiting.findLast(({ account }) => account === greediest)
}

function shareOf({ bytes }: Queued, limits: RoomLimits): number {
  return Math.max(1 / limits.requests, bytes / limits.bytes)
}
