import { and, eq, lt } from 'drizzle-orm'
import { numberIn } from '../db/row.ts'
import { accounts, chargeItems } from '../db/schema.ts'
import type { Books } from './books.ts'
import type { RecordCharge, RecordChargeResult } from './port.ts'

const INSERT = 'INSERT INTO charges (till, batch, signature, at) VALUES (?, ?, ?, ?) RETURNING id'

/** Stores a signed charge batch whole, or nothing of it. @see RecordCharge */
export function prepareRecordCharge({ store }: Books): (op: RecordCharge) => RecordChargeResult {
  const { db } = store
  const insert = store.prepare(INSERT)
  return ({ till, items, batch, signature, at }) => {
    const unsettled = items.some(({ account, cumulative }) => {
      const row = db.select().from(accounts).where(eq(accounts.id, account)).get()
      return row === undefined || cumulative > row.settled
    })
    if (unsettled) return { ok: false, code: 'above_settled' }
    const charge = numberIn(insert.get(till, batch, signature, at)?.[0])
    for (const { account, cumulative } of items) {
      db.insert(chargeItems).values({ charge, account, cumulative }).run()
      db.update(accounts)
        .set({ charged: cumulative })
        .where(and(eq(accounts.id, account), lt(accounts.charged, cumulative)))
        .run()
    }
    return { ok: true, charge }
  }
}
