import { ne } from 'drizzle-orm'
import type { Store } from '../db/db.ts'
import type { TonAddress } from '../db/ids.ts'
import { chainCursors, charges, vouchers } from '../db/schema.ts'
import { MoneyError } from './errors.ts'

/**
 * A check that books are of this Till. Once they are they stay so, and it reads them no more: it stands in the way of every round.
 * Counters of accounts and hosts are one Till's, and cumulative. At another Till, whose counters begin at zero, deposits would
 * not be credited, and hosts would be vouchered for all that the first Till has paid them.
 * @returns throws MoneyError `fork`
 */
export function createRequireSameTill(store: Store, till: TonAddress): () => void {
  let isSame = false
  return () => {
    if (!isSame) requireSameTill(store, till)
    isSame = true
  }
}

function requireSameTill({ db }: Store, till: TonAddress): void {
  const cursor = db.select().from(chainCursors).where(ne(chainCursors.address, till)).limit(1)
  const charge = db.select().from(charges).where(ne(charges.till, till)).limit(1)
  const voucher = db.select().from(vouchers).where(ne(vouchers.till, till)).limit(1)
  const other = cursor.get()?.address ?? charge.get()?.till ?? voucher.get()?.till
  if (other === undefined) return
  throw new MoneyError('fork', `these books are of the Till ${other}: each Till needs its own`)
}
