import type { Clock } from '#base/brand.ts'

/** Quotes cost a runner's hardware time: so many at once may be asked of one through this gateway (M7), … */
const MAX_AT_ONCE = 16
/** … and so many of them by one address, so that nobody keeps all others from a fresh quote. */
const MAX_BY_ONE = 8
/** A Worker that is cut off never says that it has ended; the quote of one that has not by now is made. */
const COUNTED_MS = 300_000

/** What is being asked of runners by anybody: one for each process, or each isolate on Workers. */
export interface QuotesUnderWay {
  /** @returns what to call at its end; undefined: so many are under way already */
  take(runner: string, from: string): (() => void) | undefined
}

interface Entry {
  readonly at: number
  readonly runner: string
  readonly one: string
}

export function createQuotesUnderWay(clock: Clock): QuotesUnderWay {
  /** The oldest first. */
  const entries = new Set<Entry>()
  const counts = new Map<string, number>()
  const of = (name: string): number => counts.get(name) ?? 0
  const add = (name: string, change: 1 | -1): void => {
    const count = of(name) + change
    if (count === 0) counts.delete(name)
    else counts.set(name, count)
  }
  const end = (entry: Entry): void => {
    if (!entries.delete(entry)) return
    add(entry.runner, -1)
    add(entry.one, -1)
  }
  return {
    take(runner, from) {
      const at = clock()
      for (const entry of entries) {
        if (at - entry.at < COUNTED_MS) break
        end(entry)
      }
      const entry = { at, runner, one: `${runner} ${from}` }
      if (of(runner) >= MAX_AT_ONCE || of(entry.one) >= MAX_BY_ONE) return undefined
      entries.add(entry)
      add(runner, 1)
      add(entry.one, 1)
      return () => end(entry)
    },
  }
}
