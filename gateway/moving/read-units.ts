import type { Store } from '../db/db.ts'
import { numberIn, textIn } from '../db/row.ts'
import { readRows } from './rows.ts'
import { ACCOUNT_TABLES, MOVED_MARKS, PAGE, type TableRows, type Unit } from './unit.ts'

/**
 * An account's units: what it is and has, then its settlements in parts. Settled usage must have been indexed, and its
 * outbox delivered.
 */
export function* readAccount(store: Store, id: string): Generator<Unit> {
  const [no] = store.prepare('SELECT no FROM accounts WHERE id = ?').get(id) ?? []
  if (no === undefined) return
  const number = numberIn(no)
  const tables: Record<string, TableRows> = {
    accounts: readRows(store, 'accounts', 'WHERE no = ?', number),
    terms: readRows(
      store,
      'terms',
      'WHERE id IN (SELECT terms FROM holds WHERE account = ?)',
      number,
    ),
    transfers: readRows(store, 'transfers', 'WHERE ? IN (source, target)', `acct:${id}`),
  }
  for (const table of ACCOUNT_TABLES.byId)
    tables[table] = readRows(store, table, 'WHERE account = ?', id)
  for (const table of ACCOUNT_TABLES.byNumber) {
    tables[table] = readRows(store, table, 'WHERE account = ?', number)
  }
  const [share, commission] =
    store
      .prepare(
        `SELECT CAST(COALESCE(SUM(cost - commission), 0) AS TEXT), CAST(COALESCE(SUM(commission), 0) AS TEXT)
         FROM settlements WHERE account = ?`,
      )
      .get(number) ?? []
  yield { kind: 'account', id, tables, share: textIn(share), commission: textIn(commission) }
  yield* readHistory(store, id, number)
}

function* readHistory(store: Store, id: string, account: number): Generator<Unit> {
  for (let after = 0; ; ) {
    const page = `SELECT id FROM settlements WHERE account = ${account} AND id > ${after} ORDER BY id LIMIT ${PAGE.history}`
    const settlements = readRows(store, 'settlements', `WHERE id IN (${page}) ORDER BY id`)
    const last = settlements.rows.at(-1)?.[settlements.columns.indexOf('id')]
    if (typeof last !== 'number') return
    const terms = `WHERE id IN (SELECT terms FROM settlements WHERE id IN (${page}))`
    const tables = {
      settlements,
      terms: readRows(store, 'terms', terms),
      receipts: readRows(store, 'receipts', `WHERE settlement IN (${page})`),
    }
    yield { kind: 'history', id, tables }
    after = last
  }
}

/** A host's totals, its vouchers and what it was paid. */
export function readHost(store: Store, payee: string): Unit {
  const [commission] =
    store
      .prepare(
        `SELECT CAST(
           (SELECT COALESCE(SUM(commission), 0) FROM settlements s JOIN terms t ON t.id = s.terms WHERE t.payee = ?)
           + (SELECT COALESCE(SUM(amount), 0) FROM transfers WHERE kind = 'commission' AND source = 'sent') AS TEXT)`,
      )
      .get(payee) ?? []
  return {
    kind: 'host',
    id: payee,
    commission: textIn(commission),
    tables: {
      hosts: readRows(store, 'hosts', 'WHERE payee = ?', payee),
      vouchers: readRows(store, 'vouchers', 'WHERE payee = ?', payee),
      transfers: readRows(store, 'transfers', 'WHERE source = ?', `host:${payee}`),
    },
  }
}

/** A table of the gateway as a whole, in parts. */
function* readTable(store: Store, table: string): Generator<Unit> {
  const limit = table === 'sessions' ? PAGE.sessions : PAGE.rows
  for (let offset = 0; ; offset += limit) {
    const rows = readRows(store, table, `ORDER BY 1, 2 LIMIT ${limit} OFFSET ${offset}`)
    if (rows.rows.length === 0) return
    yield { kind: 'rows', id: `${table}:${offset}`, tables: { [table]: rows } }
  }
}

export function* readTables(store: Store, tables: readonly string[]): Generator<Unit> {
  for (const table of tables) yield* readTable(store, table)
}

export function readMarks(store: Store): Unit {
  return {
    kind: 'rows',
    id: 'marks',
    tables: { marks: readRows(store, 'marks', `WHERE ${MOVED_MARKS}`) },
  }
}
