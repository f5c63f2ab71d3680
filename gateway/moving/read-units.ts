import type { Store } from '../db/db.ts'
import { numberIn, textIn } from '../db/row.ts'
import { readRows } from './rows.ts'
import { ACCOUNT_TABLES, MOVED_MARKS, PAGE, type TableRows, type Unit } from './unit.ts'

/** Reads one unit. Whoever goes on in the middle passes over those before, which then cost next to nothing. */
export type UnitRead = () => Unit

/** Kinds of movements that an account has a part in: they have indexes, all others have none. */
const MOVED = "kind IN ('deposit', 'withdrawal', 'shortfall', 'recovery')"
const OWN_TRANSFERS = `WHERE id IN (SELECT id FROM transfers WHERE source = ? AND ${MOVED}
  UNION ALL SELECT id FROM transfers WHERE target = ? AND ${MOVED}) ORDER BY id`
const OWN_SHARES = `SELECT CAST(COALESCE(SUM(cost - commission), 0) AS TEXT), CAST(COALESCE(SUM(commission), 0) AS TEXT)
  FROM settlements WHERE id IN (SELECT settlement FROM settlement_accounts WHERE account = ?)`

/**
 * An account's units: what it is and has, then its settlements in parts. Settled usage must have been indexed, and its
 * outbox delivered.
 */
export function* readAccount(store: Store, id: string): Generator<UnitRead> {
  const [no] = store.prepare('SELECT no FROM accounts WHERE id = ?').get(id) ?? []
  if (no === undefined) return
  const number = numberIn(no)
  yield () => accountUnit(store, id, number)
  yield* readHistory(store, id, number)
}

function accountUnit(store: Store, id: string, number: number): Unit {
  const own = `acct:${id}`
  const terms = 'WHERE id IN (SELECT terms FROM holds WHERE account = ?)'
  const tables: Record<string, TableRows> = {
    accounts: readRows(store, 'accounts', 'WHERE no = ?', number),
    terms: readRows(store, 'terms', terms, number),
    transfers: readRows(store, 'transfers', OWN_TRANSFERS, own, own),
  }
  for (const table of ACCOUNT_TABLES.byId)
    tables[table] = readRows(store, table, 'WHERE account = ?', id)
  for (const table of ACCOUNT_TABLES.byNumber) {
    tables[table] = readRows(store, table, 'WHERE account = ?', number)
  }
  const [share, commission] = store.prepare(OWN_SHARES).get(number) ?? []
  return { kind: 'account', id, tables, share: textIn(share), commission: textIn(commission) }
}

/** By the index of an account's settlements, whose order is theirs: a table of all accounts is never gone through for one. */
function* readHistory(store: Store, id: string, account: number): Generator<UnitRead> {
  const find = store.prepare(
    `SELECT cumulative, settlement FROM settlement_accounts WHERE account = ? AND (cumulative, settlement) > (?, ?)
     ORDER BY cumulative, settlement LIMIT ${PAGE.history}`,
  )
  for (let after = [-1, 0]; ; ) {
    const last = find.all(account, ...after).at(-1)
    if (last === undefined) return
    const to = last.map(numberIn)
    const page = [account, ...after, ...to]
    yield () => ({ kind: 'history', id, tables: historyTables(store, page) })
    after = to
  }
}

/** One text for all pages: a database keeps each that it was asked. */
const OF_PAGE = `(SELECT settlement FROM settlement_accounts WHERE account = ?
  AND (cumulative, settlement) > (?, ?) AND (cumulative, settlement) <= (?, ?))`
const TERMS_OF_PAGE = `WHERE id IN (SELECT terms FROM settlements WHERE id IN ${OF_PAGE})`

/** @param page account, where the page before ended, where this one ends */
function historyTables(store: Store, page: readonly number[]): Readonly<Record<string, TableRows>> {
  return {
    settlements: readRows(store, 'settlements', `WHERE id IN ${OF_PAGE} ORDER BY id`, ...page),
    terms: readRows(store, 'terms', TERMS_OF_PAGE, ...page),
    receipts: readRows(store, 'receipts', `WHERE settlement IN ${OF_PAGE}`, ...page),
  }
}

/** What the operator got of each host's settlements, decimal. */
const COMMISSIONS = `SELECT t.payee, CAST(SUM(s.commission) AS TEXT)
  FROM settlements s JOIN terms t ON t.id = s.terms GROUP BY t.payee`
/** The same of a store that is one host's: there it came from others. */
const RECEIVED = `SELECT CAST(COALESCE(SUM(amount), 0) AS TEXT) FROM transfers
  WHERE kind = 'commission' AND source = 'sent'`

/** Hosts' totals, their vouchers and what they were paid. */
export function* readHosts(store: Store): Generator<UnitRead> {
  const payees = store.prepare('SELECT payee FROM hosts ORDER BY payee').all().flat().map(textIn)
  if (payees.length === 0) return
  const settled = new Map(
    store
      .prepare(COMMISSIONS)
      .all()
      .map(([payee, sum]) => [payee, sum]),
  )
  const received = BigInt(textIn(store.prepare(RECEIVED).get()?.[0]))
  for (const id of payees) {
    const commission = (BigInt(textIn(settled.get(id) ?? '0')) + received).toString()
    yield () => ({ kind: 'host', id, commission, tables: hostTables(store, id) })
  }
}

function hostTables(store: Store, payee: string): Readonly<Record<string, TableRows>> {
  return {
    hosts: readRows(store, 'hosts', 'WHERE payee = ?', payee),
    vouchers: readRows(store, 'vouchers', 'WHERE payee = ?', payee),
    transfers: readRows(store, 'transfers', 'WHERE source = ?', `host:${payee}`),
  }
}

/** More columns than a primary key has: without a whole order PostgreSQL may give a row on two pages, and another on none. */
const KEY_COLUMNS = 3

/** A table of the gateway as a whole, in parts. */
function* readTable(store: Store, table: string): Generator<UnitRead> {
  const limit = table === 'sessions' ? PAGE.sessions : PAGE.rows
  const key = store.tables.columnsOf(table).slice(0, KEY_COLUMNS).join(', ')
  const count = numberIn(store.prepare(`SELECT COUNT(*) FROM ${table}`).get()?.[0])
  for (let offset = 0; offset < count; offset += limit) {
    yield () => ({
      kind: 'rows',
      id: `${table}:${offset}`,
      tables: {
        [table]: readRows(store, table, `ORDER BY ${key} LIMIT ? OFFSET ?`, limit, offset),
      },
    })
  }
}

export function* readTables(store: Store, tables: readonly string[]): Generator<UnitRead> {
  for (const table of tables) yield* readTable(store, table)
}

export function readMarks(store: Store): Unit {
  return {
    kind: 'rows',
    id: 'marks',
    tables: { marks: readRows(store, 'marks', `WHERE ${MOVED_MARKS}`) },
  }
}
