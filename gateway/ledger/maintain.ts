import { unixMs, unixSeconds } from '#base/brand.ts'
import { accountId } from '../db/ids.ts'
import { numberIn, textIn } from '../db/row.ts'
import type { Books } from './books.ts'
import type { Maintain, MaintainResult } from './port.ts'
import { prepareRepayDebt } from './repay-debt.ts'

/** A receipt that comes within this time after its deadline is still charged, if the account can pay. */
export const LATE_RECEIPT_S = 7 * 86_400

const OVERDUE = "state = 'open' AND deadline <= ?"

/** What the store's timer does. @see Maintain */
export function prepareMaintain(books: Books): (op: Maintain) => MaintainResult {
  const { store } = books
  const sums = store.prepare(
    `SELECT h.account, a.id, SUM(amount), COUNT(*) FROM holds h JOIN accounts a ON a.no = h.account
     WHERE ${OVERDUE} GROUP BY h.account`,
  )
  const lapse = store.prepare(`UPDATE holds SET state = 'lapsed' WHERE ${OVERDUE}`)
  const giveBack = store.prepare(
    'UPDATE accounts SET available = available + ?, held = held - ? WHERE no = ?',
  )
  const forget = store.prepare("DELETE FROM holds WHERE state <> 'open' AND deadline <= ?")
  const earliest = store.prepare("SELECT MIN(deadline) FROM holds WHERE state = 'open'")
  const repay = prepareRepayDebt(books)

  return ({ now }) => {
    // 1. Holds whose receipt never came (H20).
    const overdue = sums.all(now)
    for (const [account, id, amount] of overdue) {
      giveBack.run(numberIn(amount), numberIn(amount), numberIn(account))
      repay(accountId(textIn(id)), unixMs(now * 1000))
    }
    lapse.run(now)
    // 2. Ended holds that no receipt can use any more.
    forget.run(now - LATE_RECEIPT_S)
    // 3. The indexes of what was settled since.
    books.tail.index()
    const lapsed = overdue.reduce((n, [, , , count]) => n + numberIn(count), 0)
    const [next] = earliest.get() ?? []
    return { ok: true, lapsed, next: next == null ? null : unixSeconds(numberIn(next)) }
  }
}
