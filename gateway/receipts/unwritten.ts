import type { Watchdog } from '../relay/watchdog.ts'

/**
 * What must yet be written to books that took no writes. There is no end of trying but the process's, and no limit: without
 * books nothing is begun, so that there is no more here than was under way when they failed.
 */
export interface Unwritten {
  /** @param write is called until it does not reject; twice does no harm */
  add(write: () => Promise<void>): void
  /** Tries everything at once. Never rejects. */
  writeAll(): Promise<void>
  /** Resolves when nothing is left. */
  drained(): Promise<void>
}

/** One small transaction at a time finds out whether the books are back. */
const RETRY_SECONDS = 1

export function createUnwritten(watchdog: Pick<Watchdog, 'watch'>): Unwritten {
  const writes = new Set<() => Promise<void>>()
  let isPlanned = false
  let drained = Promise.withResolvers<void>()
  let underWay: Promise<void> | undefined

  const plan = (): void => {
    if (isPlanned || writes.size === 0) return
    isPlanned = true
    watchdog.watch(RETRY_SECONDS, () => {
      isPlanned = false
      void writeAll()
    })
  }
  const writeAll = (): Promise<void> => {
    underWay ??= writeEach(writes).then(() => {
      underWay = undefined
      if (writes.size === 0) drained.resolve()
      plan()
    })
    return underWay
  }
  return {
    add(write) {
      if (writes.size === 0) drained = Promise.withResolvers()
      writes.add(write)
      plan()
    },
    writeAll,
    drained: async () => {
      if (writes.size > 0) await drained.promise
    },
  }
}

async function writeEach(writes: Set<() => Promise<void>>): Promise<void> {
  for (const write of [...writes]) {
    writes.delete(write)
    try {
      await write()
    } catch {
      // At the end of the row: one that alone cannot be written keeps no other from being tried.
      writes.add(write)
      return
    }
  }
}
