import { readdirSync, statSync } from 'node:fs'
import type { Clock } from '#base/brand.ts'

/** Linux alone has it. */
const FOLDER = '/proc/self/fd'
/** A listing walks over every connection: it is made so seldom, whoever scrapes. */
const LISTED_MS = 60_000

export interface DescriptorFolder {
  /** Of the folder, which Linux from 6.2 on gives as the number of its entries; 0 before. @throws where there is none */
  size(): number
  /** How many entries it lists, its own descriptor among them. @throws where there is none */
  list(): number
}

const FOLDER_HERE: DescriptorFolder = {
  size: () => statSync(FOLDER).size,
  list: () => readdirSync(FOLDER).length,
}

/** Counts this process's open file descriptors at little cost. @returns undefined where the system does not say */
export function descriptorCounter(
  clock: Clock,
  folder: DescriptorFolder = FOLDER_HERE,
): () => number | undefined {
  let listed: { readonly at: number; readonly count: number } | undefined
  return () => {
    try {
      const size = folder.size()
      if (size > 0) return size
      const now = clock()
      // A clock that is set back makes nothing older than it is.
      if (listed === undefined || Math.abs(now - listed.at) >= LISTED_MS) {
        listed = { at: now, count: folder.list() - 1 }
      }
      return listed.count
    } catch {
      return undefined
    }
  }
}
