import { and, eq, lt } from 'drizzle-orm'
import { accounts, chargeItems, charges } from '../db/schema.ts'
import type { Books } from './books.ts'
import type { RecordCharge, RecordChargeResult } from './port.ts'

/** Stores a signed charge batch whole, or nothing of it. @see RecordCharge */
export function prepareRecordCharge({
  store: { db },
}: Books): (op: RecordCharge) => RecordChargeResult {
  return ({ till, items, batch, signature, at }) => {
    const unsettled = items.some(({ account, cumulative }) => {
      const row = db.select().from(accounts).where(eq(accounts.id, account)).get()
      return row === undefined || cumulative > row.settled
    })
    if (unsettled) return { ok: false, code: 'above_settled' }
    const stored = db
      .insert(charges)
      .values({ till, batch, signature, at })
      .returning({ id: charges.id })
      .get()
    for (const { account, cumulative } of items) {
      db.insert(chargeItems).values({ charge: stored.id, account, cumulative }).run()
      db.update(accounts)
        .set({ charged: cumulative })
        .where(and(eq(accounts.id, account), lt(accounts.charged, cumulative)))
        .run()
    }
    return { ok: true, charge: stored.id }
  }
}
