import { accountId } from '../db/ids.ts'
import { numberIn, textIn } from '../db/row.ts'
import type { Books } from './books.ts'
import type { ExpireAccounts, ExpireAccountsResult } from './port.ts'

/**
 * Nothing ever came in, so that nothing can be owed either way; requests at no price keep an account too. The newest
 * account stays: SQLite gives its number to nobody else then, and no cache can take one account for another.
 */
const EXPIRED = `SELECT no, id FROM accounts a
  WHERE credited = 0 AND paid_out = 0 AND settled = 0 AND held = 0 AND debt = 0 AND created < ?
    AND no < (SELECT MAX(no) FROM accounts)
    AND NOT EXISTS (SELECT 1 FROM holds h WHERE h.account = a.no)
    AND NOT EXISTS (SELECT 1 FROM settlement_accounts s WHERE s.account = a.no)
  LIMIT ?`

const OWNED = ['api_keys', 'wallet_links', 'webhooks', 'idempotency', 'used_nonces'] as const

/** @see ExpireAccounts */
export function prepareExpireAccounts(books: Books): (op: ExpireAccounts) => ExpireAccountsResult {
  const { store } = books
  const find = store.prepare(EXPIRED)
  const forget = store.prepare('DELETE FROM accounts WHERE no = ?')
  const forgetBudgets = store.prepare('DELETE FROM key_budgets WHERE account = ?')
  const forgetOwned = OWNED.map((table) => store.prepare(`DELETE FROM ${table} WHERE account = ?`))
  return ({ before, limit }) => {
    books.tail.index()
    const rows = find.all(before, limit)
    for (const [no, id] of rows) {
      forget.run(numberIn(no))
      forgetBudgets.run(numberIn(no))
      for (const statement of forgetOwned) statement.run(textIn(id))
    }
    if (rows.length > 0) books.forgetAccountNumbers()
    return { ok: true, expired: rows.map(([, id]) => accountId(textIn(id))) }
  }
}
