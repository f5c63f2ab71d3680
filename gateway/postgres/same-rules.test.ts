import { getTableConfig, SQLiteTable } from 'drizzle-orm/sqlite-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Store } from '../db/db.ts'
import { numberIn, textIn } from '../db/row.ts'
import * as schema from '../db/schema.ts'
import { openLedger } from '../node/testing/open-ledger.ts'
import { MIGRATIONS, openTestDatabase, type TestDatabase } from './testing/open-shared-ledger.ts'
import { startServer, type TestServer } from './testing/server.ts'

let server: TestServer
let database: TestDatabase
const { store: sqlite } = openLedger(':memory:')

beforeAll(async () => {
  server = await startServer()
  database = openTestDatabase(await server.database('same_rules'))
}, 60_000)

afterAll(async () => {
  await database.close()
  await server.close()
})

/** Views on PostgreSQL, over indexes of another table. */
const VIEWS: ReadonlySet<string> = new Set(['settlement_attempts', 'settlement_accounts'])
const TABLES = Object.values(schema)
  .filter((value) => value instanceof SQLiteTable)
  .map((table) => getTableConfig(table).name)
  .filter((name) => !VIEWS.has(name))

/** What is written otherwise there, and why it is the same, or looser: see the migration. */
const OTHERWISE: Readonly<Record<string, string>> = {
  'capabilities IS NULL OR json_valid(capabilities)':
    'capabilities IS NULL OR capabilities IS JSON',
  'watched BETWEEN 0 AND 3600': 'watched >= 0',
}

/** Here a table of its own holds it. */
const HELD_BY_TABLES: Readonly<Record<string, readonly string[]>> = {
  settlements: columnsOfKey('settlement_attempts'),
}

describe.each(TABLES)('of %s both databases hold', (name) => {
  test('what must be unique, and what is looked for by an index', () => {
    const [here, there] = [sqliteIndexes(name), postgresIndexes(database.store, name)]
    expect(there.unique).toEqual([...here.unique, ...(HELD_BY_TABLES[name] ?? [])].sort())
    expect(there.all).toEqual(expect.arrayContaining([...here.all]))
  })

  test('every CHECK', () => {
    const here = checksOf(
      textIn(sqlite.prepare('SELECT sql FROM sqlite_master WHERE name = ?').get(name)?.[0]),
    )
    const there = checksOf(MIGRATIONS.map(({ sql }) => statementsOf(sql, name)).join('\n'))
    expect(there).toEqual(here.map((check) => OTHERWISE[check] ?? check).sort())
  })
})

interface Indexes {
  readonly unique: readonly string[]
  readonly all: readonly string[]
}

function sqliteIndexes(table: string): Indexes {
  const indexes = sqlite
    .prepare('SELECT name, "unique" FROM pragma_index_list(?)')
    .all(table)
    .map(([name, unique]) => ({
      unique: numberIn(unique) === 1,
      columns: columnsOf('SELECT name FROM pragma_index_info(?) ORDER BY seqno', textIn(name)),
    }))
  // The key of a table whose rows have numbers is no index of its own.
  return sorted([...indexes, ...columnsOfKey(table).map((columns) => ({ unique: true, columns }))])
}

function columnsOfKey(table: string): readonly string[] {
  return [columnsOf('SELECT name FROM pragma_table_info(?) WHERE pk > 0 ORDER BY pk', table)]
}

function columnsOf(sql: string, name: string): string {
  return sqlite.prepare(sql).all(name).flat().join()
}

function postgresIndexes(store: Store, table: string): Indexes {
  const rows = store
    .prepare(
      `SELECT i.indisunique, (SELECT string_agg(a.attname, ',' ORDER BY k.place)
         FROM unnest(i.indkey) WITH ORDINALITY AS k(column_no, place)
         JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.column_no)
       FROM pg_index i WHERE i.indrelid = CAST(? AS text)::regclass`,
    )
    .all(table)
  return sorted(
    rows.map(([unique, columns]) => ({ unique: unique === 1, columns: textIn(columns) })),
  )
}

function sorted(
  indexes: readonly { readonly unique: boolean; readonly columns: string }[],
): Indexes {
  const names = (some: typeof indexes) => [...new Set(some.map(({ columns }) => columns))].sort()
  return { unique: names(indexes.filter(({ unique }) => unique)), all: names(indexes) }
}

/** What makes or changes a table. */
function statementsOf(sql: string, table: string): string {
  const about = new RegExp(`^(?:CREATE|ALTER) TABLE ${table}\\b[^;]*;`, 'gm')
  return (sql.match(about) ?? []).join('\n')
}

/** Every CHECK's condition, by its parentheses. */
function checksOf(sql: string): readonly string[] {
  return [...sql.matchAll(/CHECK \(/g)]
    .map(({ index }) => {
      const begin = index + 'CHECK ('.length
      let depth = 1
      let end = begin
      for (; depth > 0; end++) depth += sql[end] === '(' ? 1 : sql[end] === ')' ? -1 : 0
      return sql.slice(begin, end - 1).replaceAll(/\s+/g, ' ')
    })
    .sort()
}
