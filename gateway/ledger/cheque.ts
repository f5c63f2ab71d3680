import { eq } from 'drizzle-orm'
import { accounts } from '../db/schema.ts'
import type { Books } from './books.ts'
import type { AcceptCheque, AcceptChequeResult } from './port.ts'

/** Keeps the highest cheque of a sovereign account. @see AcceptCheque */
export function prepareAcceptCheque({
  store: { db },
}: Books): (op: AcceptCheque) => AcceptChequeResult {
  return ({ account, cumulative, signature }) => {
    const row = db.select().from(accounts).where(eq(accounts.id, account)).get()
    if (row === undefined) return { ok: false, code: 'unknown_account' }
    if (row.mode !== 'sovereign') return { ok: false, code: 'not_sovereign' }
    // A cheque above the account's money is worth nothing beyond it.
    if (cumulative > row.credited - row.paid_out) return { ok: false, code: 'above_credit' }
    if (cumulative <= row.cheque) return { ok: true, cumulative: row.cheque }
    db.update(accounts)
      .set({ cheque: cumulative, cheque_signature: signature })
      .where(eq(accounts.id, account))
      .run()
    return { ok: true, cumulative }
  }
}
