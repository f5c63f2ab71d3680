import { CodedError } from '#base/coded-error.ts'
import type { Store } from '../db/db.ts'
import { numberIn } from '../db/row.ts'
import { CHAIN, CLEARING, FEES, host, LOSSES } from '../ledger/journal.ts'
import { SENT } from '../ledger/outbox.ts'
import { codeOf } from '../log.ts'
import { entriesOf, insertRows } from './rows.ts'
import { ACCOUNT_TABLES, type Cell, GATEWAY_TABLES, type TableRows, type Unit } from './unit.ts'

/**
 * `exists`: that store already has the account, host or row, from elsewhere; import into an empty gateway. `malformed`: the
 * file holds what these tables do not take; export again. `unwritable`: the store takes no writes now; mend it, and import
 * again. Nothing of the unit was written.
 */
export type MovingErrorCode = 'exists' | 'malformed' | 'unwritable'
export class MovingError extends CodedError<MovingErrorCode> {}

type UnitOf<Kind extends Unit['kind']> = Extract<Unit, { kind: Kind }>

/**
 * Writes one unit in one transaction, once: a unit that came before changes nothing.
 * @param digest of the unit's text: what it is remembered by
 * @param hosts whether hosts' totals live in this store too, as in createCore
 * @returns false when it was written before
 * @throws MovingError, or what `after` throws
 */
export function writeUnit(
  store: Store,
  unit: Unit,
  {
    digest,
    hosts,
    after = () => {},
  }: {
    readonly digest: string
    readonly hosts: 'here' | 'outbox'
    /** What the store itself must do after each unit, in its transaction. */
    readonly after?: () => void
  },
): boolean {
  const done = `imported:${digest}`
  try {
    if (store.prepare('SELECT 1 FROM marks WHERE name = ?').get(done) !== undefined) return false
    store.transaction(() => {
      if (unit.kind === 'account') writeAccount(store, unit, hosts)
      else if (unit.kind === 'history') writeHistory(store, unit)
      else if (unit.kind === 'host') writeHost(store, unit, hosts)
      else writeRows(store, unit)
      store.prepare('INSERT INTO marks (name, value) VALUES (?, 1)').run(done)
      after()
    })
    return true
  } catch (error) {
    throw inOurWords(error)
  }
}

/** What the three databases say of a row that is there already, of one that breaks a rule, and of a disk or a connection. */
const SAID: readonly (readonly [RegExp, MovingErrorCode, string])[] = [
  [/UNIQUE|PRIMARYKEY|ROWID|\(23505/, 'exists', 'a row is here already, from elsewhere'],
  [
    /SQLITE_(CONSTRAINT|MISMATCH|TOOBIG|RANGE)|constraint failed|^refused /,
    'malformed',
    'the tables do not take a row',
  ],
  [
    /SQLITE_|^lost |^raced /,
    'unwritable',
    'the database takes no writes: mend it, and import again',
  ],
]

/** Texts of a database may hold values of a row: they stay in the cause. */
function inOurWords(error: unknown): unknown {
  if (error instanceof MovingError || !(error instanceof Error)) return error
  const said = `${codeOf(error)} ${error.message}`
  const known = SAID.find(([pattern]) => pattern.test(said))
  if (known !== undefined) return new MovingError(known[1], known[2], { cause: error })
  // A column of the file that is of another kind, or none of the table's.
  if (error instanceof RangeError)
    return new MovingError('malformed', error.message, { cause: error })
  return error
}

function tableOf({ tables }: Unit, name: string): TableRows {
  const table = tables[name]
  if (table === undefined) throw new MovingError('malformed', `a unit without ${name}`)
  return table
}

function writeAccount(store: Store, unit: UnitOf<'account'>, hosts: 'here' | 'outbox'): void {
  const find = store.prepare('SELECT no FROM accounts WHERE id = ?')
  if (find.get(unit.id) !== undefined) throw new MovingError('exists', `account ${unit.id} is here`)
  insertRows(store, 'accounts', tableOf(unit, 'accounts'), { no: () => undefined })
  const no = numberIn(find.get(unit.id)?.[0])
  for (const table of ACCOUNT_TABLES.byId) insertRows(store, table, tableOf(unit, table))
  const terms = placeTerms(store, tableOf(unit, 'terms'))
  for (const table of ACCOUNT_TABLES.byNumber) {
    insertRows(store, table, tableOf(unit, table), { account: () => no, terms })
  }
  const transfers = tableOf(unit, 'transfers')
  insertRows(store, 'transfers', transfers, { id: () => undefined })
  // What exits took beyond the balance was lost to the whole gateway: the debt says how much of it was this account's.
  const [account] = entriesOf(tableOf(unit, 'accounts'))
  const repaid = entriesOf(transfers).filter(({ kind }) => kind === 'recovery')
  const lost = repaid.reduce(
    (sum, { amount }) => sum + numberOf(amount),
    numberOf(account?.['debt']),
  )
  const at = numberOf(account?.['created'])
  post(store, { kind: 'shortfall', source: LOSSES, target: CHAIN, amount: lost, at })
  if (hosts === 'here') return
  // Its hosts are other stores, and have all of it.
  const sent = { source: CLEARING, target: SENT, at }
  post(store, { kind: 'share', ...sent, amount: Number(unit.share) })
  post(store, { kind: 'commission', ...sent, amount: Number(unit.commission) })
}

function writeHistory(store: Store, unit: UnitOf<'history'>): void {
  const no = numberIn(store.prepare('SELECT no FROM accounts WHERE id = ?').get(unit.id)?.[0])
  const last = numberIn(store.prepare('SELECT COALESCE(MAX(id), 0) FROM settlements').get()?.[0])
  const settlements = tableOf(unit, 'settlements')
  const ids = new Map(entriesOf(settlements).map(({ id }, i) => [id, last + 1 + i]))
  const renumber = (id: Cell): Cell => ids.get(id) ?? null
  insertRows(store, 'settlements', settlements, {
    id: renumber,
    account: () => no,
    terms: placeTerms(store, tableOf(unit, 'terms')),
  })
  insertRows(store, 'receipts', tableOf(unit, 'receipts'), { settlement: renumber })
  for (const [table, step] of [
    ['settlement_attempts', `SELECT request, attempt, id FROM settlements WHERE id > ${last}`],
    ['settlement_accounts', `SELECT account, cumulative, id FROM settlements WHERE id > ${last}`],
  ] as const) {
    if (!store.tables.derived.has(table)) store.prepare(`INSERT INTO ${table} ${step}`).run()
  }
  store
    .prepare("UPDATE marks SET value = (SELECT MAX(id) FROM settlements) WHERE name = 'indexed'")
    .run()
}

function writeHost(store: Store, unit: UnitOf<'host'>, hosts: 'here' | 'outbox'): void {
  const find = store.prepare('SELECT 1 FROM hosts WHERE payee = ?')
  if (find.get(unit.id) !== undefined) throw new MovingError('exists', `host ${unit.id} is here`)
  insertRows(store, 'hosts', tableOf(unit, 'hosts'))
  insertRows(store, 'vouchers', tableOf(unit, 'vouchers'), { id: () => undefined })
  const [row] = entriesOf(tableOf(unit, 'hosts'))
  const earned = numberOf(row?.['earned'])
  const commission = Number(unit.commission)
  if (hosts === 'outbox') {
    const received = { source: SENT, target: CLEARING, at: 0 }
    post(store, { kind: 'share', ...received, amount: earned })
    post(store, { kind: 'commission', ...received, amount: commission })
  }
  // Sound: the id of a host's unit is its address; the row's own CHECKs and the audit hold it.
  const own = host(unit.id as Parameters<typeof host>[0])
  post(store, { kind: 'share', source: CLEARING, target: own, amount: earned, at: 0 })
  post(store, { kind: 'commission', source: CLEARING, target: FEES, amount: commission, at: 0 })
  insertRows(store, 'transfers', tableOf(unit, 'transfers'), { id: () => undefined })
}

const WHOLE: ReadonlySet<string> = new Set([...Object.values(GATEWAY_TABLES).flat(), 'marks'])

function writeRows(store: Store, unit: UnitOf<'rows'>): void {
  for (const [table, rows] of Object.entries(unit.tables)) {
    if (!WHOLE.has(table)) throw new MovingError('malformed', `${table} is not moved by itself`)
    insertRows(store, table, rows, table === 'runner_hours' ? HOURS : {})
  }
}

/** Gateways of a cluster that take over from one another may count some seconds of an hour twice. */
const HOURS = { watched: atMostAnHour, up: atMostAnHour }
function atMostAnHour(seconds: Cell): Cell {
  return Math.min(numberOf(seconds), 3_600)
}

/** Finds terms that are here already, adds the others. @returns their numbers here by their numbers there */
function placeTerms(store: Store, terms: TableRows): (value: Cell) => Cell {
  const named = terms.columns.filter((name) => name !== 'id')
  const find = `SELECT id FROM terms WHERE ${TERMS.map((name) => `${name} = ?`).join(' AND ')}`
  const numbers = new Map<Cell, number>()
  for (const entry of entriesOf(terms)) {
    const values = TERMS.map((name) => numberOrText(entry[name]))
    if (store.prepare(find).get(...values) === undefined) {
      const rows = [named.map((name) => entry[name] ?? null)]
      insertRows(store, 'terms', { columns: named, rows })
    }
    numbers.set(entry['id'] ?? null, numberIn(store.prepare(find).get(...values)?.[0]))
  }
  return (value) => numbers.get(value) ?? null
}

const TERMS = [
  'runner',
  'session',
  'model',
  'payee',
  'price_input',
  'price_cached',
  'price_output',
  'commission_bps',
] as const

function post(
  store: Store,
  {
    kind,
    source,
    target,
    amount,
    at,
  }: {
    readonly kind: string
    readonly source: string
    readonly target: string
    readonly amount: number
    readonly at: number
  },
): void {
  if (amount === 0) return
  store
    .prepare('INSERT INTO transfers (kind, source, target, amount, at) VALUES (?, ?, ?, ?, ?)')
    .run(kind, source, target, amount, at)
}

function numberOf(cell: Cell | undefined): number {
  if (typeof cell !== 'number') throw new MovingError('malformed', 'an amount is not a number')
  return cell
}

function numberOrText(cell: Cell | undefined): string | number {
  if (typeof cell !== 'number' && typeof cell !== 'string')
    throw new MovingError('malformed', 'terms')
  return cell
}
