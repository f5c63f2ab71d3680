import type { Clock } from '#base/brand.ts'

// Requests of one Worker may share what one of them has made, never the making: a promise of a request that was cut off does not
// settle, and everybody who waits for it would hang until Cloudflare throws the Worker away.

/** What the first requests make, each by itself, until one has it for all. */
export function madeOnce<Made>(make: () => Promise<Made>): () => Promise<Made> {
  let made: Made | undefined
  return async () => {
    made ??= await make()
    return made
  }
}

/** Does something some time after a call, for all that come meanwhile; one that was cut off counts no more after twice as long. */
export function doneLater(
  work: () => Promise<void>,
  afterMs: number,
  deps: { readonly wait: (ms: number) => Promise<void>; readonly clock: Clock },
): () => Promise<void> {
  let plannedAt = Number.NEGATIVE_INFINITY
  return async () => {
    const now = deps.clock()
    if (now - plannedAt < 2 * afterMs) return
    plannedAt = now
    await deps.wait(afterMs)
    plannedAt = Number.NEGATIVE_INFINITY
    await work()
  }
}
