import type { CollateralEntry } from './entry.ts'

/**
 * Where fetched collateral is kept: memory here, a disk in the gateway and the CLI. A store may lose entries and
 * may be tampered with; everything in it is verified on every use.
 */
export interface CollateralStore {
  get(name: string): Promise<CollateralEntry | undefined>
  put(entry: CollateralEntry): Promise<void>
}

const MAX_ENTRIES = 4_096

/** Keeps the most recently used entries in memory. */
export function memoryStore(maxEntries: number = MAX_ENTRIES): CollateralStore {
  const entries = new Map<string, CollateralEntry>()
  const touch = (entry: CollateralEntry): void => {
    entries.delete(entry.name)
    entries.set(entry.name, entry)
    for (const oldest of entries.keys()) {
      if (entries.size <= maxEntries) break
      entries.delete(oldest)
    }
  }
  return {
    get: async (name) => {
      const entry = entries.get(name)
      if (entry !== undefined) touch(entry)
      return entry
    },
    put: async (entry) => touch(entry),
  }
}
