import type { Clock } from '#base/brand.ts'

/** A reading of what changes seldom. */
export interface Seldom<T> {
  /** As it was lately. */
  lately(): Promise<T>
  /** As it is now. */
  now(): Promise<T>
}

/** Reads again only what is older than `maxAgeMs`, for rounds that come more often than what they look at changes. */
export function seldom<T>(
  read: () => Promise<T>,
  { maxAgeMs, clock }: { readonly maxAgeMs: number; readonly clock: Clock },
): Seldom<T> {
  let last: { readonly value: T; readonly at: number } | undefined
  const now = async (): Promise<T> => {
    const at = clock()
    const value = await read()
    last = { value, at }
    return value
  }
  return {
    // A clock that is set back makes nothing young again.
    lately: async () =>
      last !== undefined && Math.abs(clock() - last.at) < maxAgeMs ? last.value : now(),
    now,
  }
}
