/**
 * Who waits, in whose name, in what order: accounts take turns, so that the hundredth request of one does not stand
 * before the first of another. Plain data structure: no clock, no promise.
 */
export interface FairQueue<T extends Queued> {
  readonly size: number
  /** Sum of what the waiting ones keep in memory. */
  readonly bytes: number
  add(entry: T): void
  /** @returns false when it was not waiting */
  remove(entry: T): boolean
  /**
   * Offers a place to the first of each account by turns, then to the second of each, until one takes it: its account
   * has had its turn. Who does not take it (it waits for another runner) keeps its place.
   * @returns the one that took it
   */
  offer(take: (entry: T) => boolean): T | undefined
  all(): Iterable<T>
}

export interface Queued {
  readonly account: string
  readonly bytes: number
}

/** So many are asked about one free place: a full line must not be walked for each. */
const MAX_OFFERS = 32

export function createFairQueue<T extends Queued>(): FairQueue<T> {
  // Accounts in the order of their turns, each with its own line.
  const lines = new Map<string, T[]>()
  let size = 0
  let bytes = 0

  function remove(entry: T): boolean {
    const line = lines.get(entry.account)
    const at = line?.indexOf(entry) ?? -1
    if (line === undefined || at === -1) return false
    line.splice(at, 1)
    if (line.length === 0) lines.delete(entry.account)
    size--
    bytes -= entry.bytes
    return true
  }

  function endTurn(account: string): void {
    const line = lines.get(account)
    if (line === undefined) return
    lines.delete(account)
    lines.set(account, line)
  }

  return {
    get size() {
      return size
    },
    get bytes() {
      return bytes
    },
    add(entry) {
      const line = lines.get(entry.account)
      if (line === undefined) lines.set(entry.account, [entry])
      else line.push(entry)
      size++
      bytes += entry.bytes
    },
    remove,
    offer(take) {
      const asked = new Set<string>()
      for (const entry of inTurn(lines, MAX_OFFERS)) {
        asked.add(entry.account)
        if (!take(entry)) continue
        remove(entry)
        endTurn(entry.account)
        return entry
      }
      // They all want something else: the next place is offered to others first.
      if (size > MAX_OFFERS) for (const account of asked) endTurn(account)
      return undefined
    },
    *all() {
      for (const line of [...lines.values()]) yield* [...line]
    },
  }
}

function inTurn<T>(lines: ReadonlyMap<string, readonly T[]>, most: number): readonly T[] {
  const chosen: T[] = []
  let found = true
  for (let depth = 0; found && chosen.length < most; depth++) {
    found = false
    for (const line of lines.values()) {
      const entry = line[depth]
      if (entry === undefined) continue
      found = true
      chosen.push(entry)
      if (chosen.length === most) break
    }
  }
  return chosen
}
