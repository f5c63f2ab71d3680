import type { UnixSeconds } from '#base/brand.ts'
import type { Head } from './chain.ts'
import { MoneyError } from './errors.ts'

/** A provider whose newest block is older than that shows the past. */
const STALE_SECONDS = 60

/** Refuses a provider that stands still: what has happened since is hidden. @throws MoneyError `stale` */
export function requirePresent({ seqno, syncedAt }: Head, now: UnixSeconds): void {
  if (syncedAt < now - STALE_SECONDS) throw new MoneyError('stale', `block ${seqno} is old`)
}
