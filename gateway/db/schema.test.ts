import { getTableConfig, SQLiteTable } from 'drizzle-orm/sqlite-core'
import { describe, expect, test } from 'vitest'
import { MAX_COLUMN_NANO, nano } from '#base/nano.ts'
import { openSqlite } from '../node/open-sqlite.ts'
import { MIGRATIONS, openLedger } from '../node/testing/open-ledger.ts'
import { columnNano, columnNumber } from './columns.ts'
import { migrate } from './migrate.ts'
import * as schema from './schema.ts'

const TABLES = Object.values(schema)
  .filter((value) => value instanceof SQLiteTable)
  .map((table) => getTableConfig(table))

describe('the schema', () => {
  const { store } = openLedger(':memory:')

  test.each(TABLES.map((table) => [table.name, table] as const))(
    'of %s is what the migrations make',
    (name, table) => {
      const made = store
        .prepare('SELECT name, lower(type), "notnull", pk > 0 FROM pragma_table_info(?)')
        .all(name)
        .map(([column, type, notNull, key]) => ({
          column,
          type,
          required: notNull === 1 || key === 1,
        }))
      const keys = new Set(table.primaryKeys.flatMap(({ columns }) => columns.map((c) => c.name)))
      const written = table.columns.map((column) => ({
        column: column.name,
        type: column.getSQLType(),
        required: column.notNull || column.primary || keys.has(column.name),
      }))
      expect(made).toEqual(written)
    },
  )

  test('of every table that the migrations make is written down', () => {
    const made = store
      .prepare(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name <> 'migrations' ORDER BY name",
      )
      .all()
    expect(made.flat()).toEqual(TABLES.map(({ name }) => name).sort())
  })
})

describe('amounts in columns', () => {
  test('keep every digit up to 2^53 - 1 and refuse what would lose one', () => {
    expect(columnNano(columnNumber(MAX_COLUMN_NANO))).toBe(MAX_COLUMN_NANO)
    expect(() => columnNumber(nano(MAX_COLUMN_NANO + 1n))).toThrow(RangeError)
    expect(() => columnNano(2 ** 53)).toThrow(RangeError)
    expect(() => columnNano(0.5)).toThrow(RangeError)
  })
})

describe('migrations', () => {
  const FIRST = { name: '0000_a', sql: 'CREATE TABLE a (x INTEGER) STRICT' }
  const SECOND = { name: '0001_b', sql: 'ALTER TABLE a ADD COLUMN y TEXT' }

  test('are applied once each, in order, however they are given', () => {
    const store = openSqlite(':memory:')
    migrate(store, [SECOND, FIRST])
    migrate(store, [FIRST, SECOND])
    expect(store.prepare('SELECT name FROM migrations ORDER BY name').all().flat()).toEqual([
      '0000_a',
      '0001_b',
    ])
  })

  test('never change what was applied, and never run an older program on newer data', () => {
    const store = openSqlite(':memory:')
    migrate(store, [FIRST, SECOND])
    const edited = { ...FIRST, sql: `${FIRST.sql} ` }
    expect(() => migrate(store, [edited, SECOND])).toThrow(
      /its migration 0000_a differs .*restore a backup/,
    )
    expect(() => migrate(store, [FIRST])).toThrow(/knows migration 0001_b.*restore a backup/)
    const later = { name: '0002_c', sql: 'CREATE TABLE c (x INTEGER) STRICT' }
    expect(() => migrate(store, [FIRST, later])).toThrow(/knows migration 0001_b/)
  })

  test('are told of before they run, on a store that is in use', () => {
    const store = openSqlite(':memory:')
    const told: string[] = []
    migrate(store, [FIRST], (name) => told.push(name))
    migrate(store, [FIRST, SECOND], (name) => told.push(name))
    expect(told).toEqual([SECOND.name])
  })

  test('that fail leave the store as it was', () => {
    const store = openSqlite(':memory:')
    const broken = { name: '0001_b', sql: 'CREATE TABLE b (x INTEGER) STRICT; nonsense' }
    expect(() => migrate(store, [FIRST, broken])).toThrow(/syntax/)
    expect(store.prepare("SELECT name FROM sqlite_master WHERE type = 'table'").all()).toEqual([])
    migrate(store, [FIRST, { ...broken, sql: 'CREATE TABLE b (x INTEGER) STRICT' }])
    expect(store.prepare('SELECT COUNT(*) FROM b').get()).toEqual([0])
  })

  test('of this release open on an empty database', () => {
    const store = openSqlite(':memory:')
    migrate(store, MIGRATIONS)
    migrate(store, MIGRATIONS)
  })
})
