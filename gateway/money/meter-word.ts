import { type Clock, toSeconds } from '#base/brand.ts'
import { type Bytes, equalBytes } from '#base/bytes.ts'
import type { TillReader } from './read-till.ts'
import { seldom } from './seldom.ts'

/** A meter key is announced days before it counts, and a freeze lasts for days. */
const SELDOM_MS = 20_000

/** How the Till takes our meter key's word, as it was lately: what it refuses costs gas all the same. */
export interface MeterWord {
  keys(): Promise<{
    /** The key that counts at the Till. */
    readonly key: Bytes
    /** Whether charges and vouchers of our key are taken: it is that one, or the one before it for a while. */
    readonly honoured: boolean
    /** When the announced meter key may count; null when none is. */
    readonly rotationAt: number | null
  }>
  /** Whether the Till takes neither charges nor vouchers nor final debits now, whoever signed them. */
  isFrozen(): Promise<boolean>
}

export function createMeterWord(
  reader: Pick<TillReader, 'meterKey' | 'status'>,
  { meterKey, clock }: { readonly meterKey: Bytes; readonly clock: Clock },
): MeterWord {
  const slow = { maxAgeMs: SELDOM_MS, clock }
  const keys = seldom(() => reader.meterKey(), slow)
  const status = seldom(() => reader.status(), slow)
  return {
    async keys() {
      const { key, previous, pending } = await keys.lately()
      const isPrevious =
        previous !== null &&
        equalBytes(previous.key, meterKey) &&
        previous.until > toSeconds(clock())
      const honoured = isPrevious || equalBytes(key, meterKey)
      return { key, honoured, rotationAt: pending?.at ?? null }
    },
    isFrozen: async () => (await status.lately()).frozenUntil > toSeconds(clock()),
  }
}
