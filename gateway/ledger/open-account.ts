import { eq } from 'drizzle-orm'
import { accounts } from '../db/schema.ts'
import type { Books } from './books.ts'
import type {
  AccountState,
  OpenAccount,
  OpenAccountResult,
  ReadAccount,
  ReadAccountResult,
} from './port.ts'

/** Makes an empty account, or finds that it exists. @see OpenAccount */
export function prepareOpenAccount({
  store,
}: Pick<Books, 'store'>): (op: OpenAccount) => OpenAccountResult {
  const insert = store.prepare(
    `INSERT INTO accounts (id, mode, keys, available, held, credited, paid_out, settled, collected, debt, charged,
       cheque, seqno, created) VALUES (?, ?, ?, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, ?) ON CONFLICT DO NOTHING`,
  )
  const claim = store.prepare('UPDATE accounts SET keys = ? WHERE id = ? AND keys IS NULL')
  return ({ account, mode, keys, at }) => {
    const created = insert.run(account, mode, keys, at)
    if (!created && keys !== null) claim.run(keys, account)
    return { ok: true, created }
  }
}

/** @see ReadAccount */
export function prepareReadAccount({ store }: Books): (op: ReadAccount) => ReadAccountResult {
  return ({ account }) => {
    const row = store.db.select().from(accounts).where(eq(accounts.id, account)).get()
    if (row === undefined) return { ok: false, code: 'unknown_account' }
    return { ok: true, account: stateOf(row) }
  }
}

function stateOf(row: typeof accounts.$inferSelect): AccountState {
  const { id, mode, available, held, credited, settled, collected, cheque, created } = row
  return {
    id,
    mode,
    available,
    held,
    credited,
    settled,
    collected,
    paidOut: row.paid_out,
    cheque,
    keys: row.keys,
    exitAt: row.exit_at,
    created,
  }
}
