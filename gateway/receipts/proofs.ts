import type { MeteredUsage } from '#protocol'

/** The most that one attempt may have used, as far as this gateway can tell. */
export interface Proven {
  readonly promptTokens: number
  readonly completionTokens: number
}

/**
 * What was proven of attempts that ended without a receipt in the answer: one that comes later, by the runner's outbox,
 * cannot claim more than the gateway saw. After a restart the hold alone bounds it. While its client has got nothing, an
 * attempt may yet fail and be given back: a receipt that overtakes its answer waits, or its host would be paid for nothing.
 */
export interface Proofs {
  /** The runner is asked, or what the attempt held is to be given back. */
  open(receiptId: string): void
  /** Its client has got something, or it is in the books that what the attempt held is given back. */
  close(receiptId: string): void
  isOpen(receiptId: string): boolean
  note(receiptId: string, proven: Proven): void
  /** Whether a receipt claims no more than was proven; true where nothing is known. */
  covers(receiptId: string, usage: MeteredUsage): boolean
}

const MAX_KEPT = 65_536

export function createProofs(): Proofs {
  const kept = new Map<string, Proven>()
  const unanswered = new Set<string>()
  return {
    open: (receiptId) => void unanswered.add(receiptId),
    close: (receiptId) => void unanswered.delete(receiptId),
    isOpen: (receiptId) => unanswered.has(receiptId),
    note(receiptId, proven) {
      kept.set(receiptId, proven)
      if (kept.size <= MAX_KEPT) return
      const [oldest] = kept.keys()
      if (oldest !== undefined) kept.delete(oldest)
    },
    covers(receiptId, usage) {
      const proven = kept.get(receiptId)
      return (
        proven === undefined ||
        (usage.prompt_tokens <= proven.promptTokens &&
          usage.completion_tokens <= proven.completionTokens)
      )
    },
  }
}
