import type { AccountId } from '../db/ids.ts'

/**
 * Settlements under way. Answers do not wait for them, but reads of an account do: who has its answer sees what
 * it cost.
 */
export interface PendingSettlements {
  /** @param work never rejects */
  track(account: AccountId, work: Promise<void>): void
  /** Resolves when everything that was under way for the account is done. */
  settled(account: AccountId): Promise<void>
  /** Resolves when nothing is under way. */
  drained(): Promise<void>
}

export function createPendingSettlements(): PendingSettlements {
  const pending = new Map<AccountId, Set<Promise<void>>>()
  return {
    track(account, work) {
      const known = pending.get(account)
      const works = known ?? new Set()
      if (known === undefined) pending.set(account, works)
      const entry = work.finally(() => {
        works.delete(entry)
        if (works.size === 0 && pending.get(account) === works) pending.delete(account)
      })
      works.add(entry)
    },
    settled: async (account) => {
      await Promise.all(pending.get(account) ?? [])
    },
    drained: async () => {
      while (pending.size > 0) {
        await Promise.all(pending.values().flatMap((works) => [...works]))
      }
    },
  }
}
