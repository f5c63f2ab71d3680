import { and, desc, eq } from 'drizzle-orm'
import type { Db } from '../db/db.ts'
import type { TonAddress } from '../db/ids.ts'
import { vouchers } from '../db/schema.ts'
import type { Voucher } from './deps.ts'

/** The highest voucher that this gateway signed for a host at its Till. */
export function createLatestVoucher(
  db: Db,
  till: TonAddress | undefined,
): (payee: TonAddress) => Promise<Voucher | undefined> {
  return async (payee) => {
    if (till === undefined) return undefined
    const row = db
      .select()
      .from(vouchers)
      .where(and(eq(vouchers.till, till), eq(vouchers.payee, payee)))
      .orderBy(desc(vouchers.cumulative))
      .limit(1)
      .get()
    if (row === undefined) return undefined
    return { till, payee, cumulative: row.cumulative.toString(), signature: row.signature }
  }
}
