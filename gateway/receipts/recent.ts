import type { Nano } from '#base/nano.ts'

/** What a settled receipt came to. */
export interface Settled {
  /** Of the receipt, so that another document under the same id is not taken for it. */
  readonly signature: string
  readonly cost: Nano
  readonly share: Nano
}

/** Receipts settled lately: most come a second time, by the runner's outbox, and need no second signature check. */
export interface RecentReceipts {
  find(receiptId: string): Settled | undefined
  add(receiptId: string, settled: Settled): void
}

/** The outbox brings them within seconds; one that comes later costs a check of its signature again. */
const MAX_RECENT = 16_384

export function createRecentReceipts(): RecentReceipts {
  const recent = new Map<string, Settled>()
  return {
    find: (id) => recent.get(id),
    add(id, settled) {
      recent.set(id, settled)
      if (recent.size <= MAX_RECENT) return
      const [oldest] = recent.keys()
      if (oldest !== undefined) recent.delete(oldest)
    },
  }
}
