import { unixMs, unixSeconds } from '#base/brand.ts'
import { accountId } from '../db/ids.ts'
import { nanoIn, numberIn, textIn } from '../db/row.ts'
import type { Books } from './books.ts'
import { prepareKeyBudgets } from './key-budgets.ts'
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
     WHERE ${OVERDUE} GROUP BY h.account, a.id`,
  )
  const keys = store.prepare(
    `SELECT h.key, SUM(amount) FROM holds h JOIN key_budgets b ON b.key = h.key WHERE ${OVERDUE} GROUP BY h.key`,
  )
  const budgets = prepareKeyBudgets(books)
  const past = ['used_nonces', 'idempotency'].map((table) =>
    store.prepare(`DELETE FROM ${table} WHERE expires <= ?`),
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
    if (overdue.length > 0) {
      for (const [key, amount] of keys.all(now)) budgets.giveBack(key ?? null, nanoIn(amount))
      lapse.run(now)
    }
    // 2. Ended holds that no receipt can use any more.
    forget.run(now - LATE_RECEIPT_S)
    // 3. What was remembered so that it is used once.
    for (const statement of past) statement.run(now)
    // 4. The indexes of what was settled since.
    books.tail.index()
    const lapsed = overdue.reduce((n, [, , , count]) => n + numberIn(count), 0)
    const [next] = earliest.get() ?? []
    return { ok: true, lapsed, next: next == null ? null : unixSeconds(numberIn(next)) }
  }
}
