import { eq } from 'drizzle-orm'
import { type Nano, nano } from '#base/nano.ts'
import { accounts } from '../db/schema.ts'
import type { Books } from './books.ts'
import type { AcceptCheque, AcceptChequeResult } from './port.ts'

/**
 * How far a cheque may be ahead of the receipts that came: owners sign over receipts of their own, and some of ours are under
 * way still, or were lost with their runner. What a cheque collects beyond the use is a prepayment, of at most this.
 */
export const CHEQUE_AHEAD: Nano = nano(1_000_000_000n)

/** Keeps the highest cheque of a sovereign account. @see AcceptCheque */
export function prepareAcceptCheque({
  store: { db },
}: Books): (op: AcceptCheque) => AcceptChequeResult {
  return ({ account, cumulative, feeBps, signature }) => {
    const row = db.select().from(accounts).where(eq(accounts.id, account)).get()
    if (row === undefined) return { ok: false, code: 'unknown_account' }
    if (row.mode !== 'sovereign') return { ok: false, code: 'not_sovereign' }
    // A cheque above the account's money is worth nothing beyond it.
    if (cumulative > row.credited - row.paid_out) return { ok: false, code: 'above_credit' }
    if (cumulative <= row.cheque) return { ok: true, cumulative: row.cheque }
    if (cumulative > row.settled + row.held + CHEQUE_AHEAD) return { ok: false, code: 'above_used' }
    db.update(accounts)
      .set({ cheque: cumulative, cheque_fee_bps: feeBps, cheque_signature: signature })
      .where(eq(accounts.id, account))
      .run()
    return { ok: true, cumulative }
  }
}
