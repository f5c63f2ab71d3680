/** Cuts relays that make no progress, with one timer for all of them: a chunk costs an assignment. */
export interface Watchdog {
  /** @param silence ticks without `alive` after which `expired` is called, once */
  watch(silence: number, expired: () => void): Watch
  /** Advances time; the platform calls it once a `TICK_MS`. */
  tick(): void
}

export interface Watch {
  /** Something moved. */
  alive(): void
  /** From now on another silence counts. */
  expect(silence: number): void
  stop(): void
}

export const TICK_MS = 1_000

interface Watched {
  last: number
  silence: number
  readonly expired: () => void
}

export function createWatchdog(): Watchdog {
  let now = 0
  const all = new Set<Watched>()
  return {
    watch(silence, expired) {
      const entry: Watched = { last: now, silence, expired }
      all.add(entry)
      return {
        alive: () => {
          entry.last = now
        },
        expect: (next) => {
          entry.silence = next
          entry.last = now
        },
        stop: () => {
          all.delete(entry)
        },
      }
    },
    tick() {
      now++
      for (const entry of all) {
        // One tick more, because the entry may have been made just before a tick.
        if (now - entry.last <= entry.silence) continue
        all.delete(entry)
        entry.expired()
      }
    },
  }
}
