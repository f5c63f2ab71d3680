import { beforeAll, expect, test } from 'vitest'
import type { Store } from '../db/db.ts'
import { ALICE, mirror } from '../ledger/testing/fixtures.ts'
import { openLedger } from '../node/testing/open-ledger.ts'
import { readStore } from './read-store.ts'
import type { Cell, TableRows, Unit } from './unit.ts'
import { MovingError, writeUnit } from './write-unit.ts'

let units: readonly Unit[]

beforeAll(async () => {
  const { store, ledger } = openLedger(':memory:')
  await ledger.commit([mirror(ALICE, 10_000n)])
  units = [...readStore(store)].map((read) => read())
})

function account(change: Partial<Record<string, Cell>>): Unit {
  const unit = units.find(({ kind }) => kind === 'account')
  const rows = unit?.tables['accounts']
  if (unit === undefined || rows === undefined) throw new Error('no account')
  return { ...unit, tables: { ...unit.tables, accounts: changed(rows, change) } }
}

function changed({ columns, rows }: TableRows, change: Partial<Record<string, Cell>>): TableRows {
  const row = (cells: readonly Cell[]) => columns.map((name, i) => change[name] ?? cells[i] ?? null)
  return { columns, rows: rows.map(row) }
}

const model = (name: string): Unit => {
  const { store } = openLedger(':memory:')
  const columns = store.tables.columnsOf('payee_proofs')
  return { kind: 'rows', id: 'rows', tables: { payee_proofs: { columns, rows: [[name, 1]] } } }
}

function refusal(store: Store, unit: Unit, digest = 'd') {
  const count = () =>
    store.prepare('SELECT (SELECT COUNT(*) FROM accounts), (SELECT COUNT(*) FROM marks)').get()
  const before = count()
  try {
    writeUnit(store, unit, { digest, hosts: 'here' })
    return 'written'
  } catch (error) {
    expect(error).toBeInstanceOf(MovingError)
    expect(count()).toEqual(before)
    // Sound: that class has a code.
    return (error as MovingError).code
  }
}

test.each<[string, Partial<Record<string, Cell>>]>([
  ['a text where an amount stands', { available: 'much' }],
  ['an amount below zero', { held: -1 }],
  ['a fraction', { available: 0.5 }],
  ['more than a column holds', { available: 1e300 }],
])('a unit with %s is malformed, and nothing of it stays', (_, change) => {
  expect(refusal(openLedger(':memory:').store, account(change))).toBe('malformed')
})

test('a table with columns of another version is malformed', () => {
  const unit = account({})
  const accounts = { columns: ['id', 'hash'], rows: [['x', 'y']] }
  const other = { ...unit, tables: { ...unit.tables, accounts } }
  expect(refusal(openLedger(':memory:').store, other)).toBe('malformed')
})

test('a row that came from elsewhere is told from one that came before', () => {
  const { store } = openLedger(':memory:')
  const unit = model(`0:${'11'.repeat(32)}`)
  expect(refusal(store, unit, 'first')).toBe('written')
  expect(writeUnit(store, unit, { digest: 'first', hosts: 'here' })).toBe(false)
  expect(refusal(store, unit, 'second')).toBe('exists')
})

test('a database that takes no writes is told from a file that does not fit', () => {
  const { store } = openLedger(':memory:')
  store.script('PRAGMA query_only = ON')
  expect(refusal(store, account({}))).toBe('unwritable')
})
