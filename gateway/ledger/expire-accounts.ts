import { type UnixMs, unixMs } from '#base/brand.ts'
import type { Store } from '../db/db.ts'
import { type AccountId, accountId } from '../db/ids.ts'
import { numberIn, textIn } from '../db/row.ts'
import type { Books } from './books.ts'
import type { ExpireAccounts, ExpireAccountsResult } from './port.ts'

/** An account that never had money is forgotten after a week. */
export const UNFUNDED_MS = 7 * 86_400_000

/** Nothing ever came in, so that nothing can be owed either way; requests at no price keep an account too. */
const UNUSED = `credited = 0 AND paid_out = 0 AND settled = 0 AND held = 0 AND debt = 0
  AND NOT EXISTS (SELECT 1 FROM holds h WHERE h.account = a.no)
  AND NOT EXISTS (SELECT 1 FROM settlement_accounts s WHERE s.account = a.no)`

/** The newest account stays: SQLite gives its number to nobody else then, and no cache can take one account for another. */
const EXPIRED = `SELECT no, id FROM accounts a
  WHERE ${UNUSED} AND created < ? AND no < (SELECT MAX(no) FROM accounts) LIMIT ?`

const OWNED = ['api_keys', 'wallet_links', 'webhooks', 'idempotency', 'used_nonces'] as const

/** The account that a store of its own is for, while it was never used. The store's settlements must be indexed. */
export function findUnused(
  store: Store,
): { readonly id: AccountId; readonly created: UnixMs } | undefined {
  const row = store.prepare(`SELECT id, created FROM accounts a WHERE ${UNUSED}`).get()
  if (row === undefined) return undefined
  const [id, created] = row
  return { id: accountId(textIn(id)), created: unixMs(numberIn(created)) }
}

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
