import { getTableConfig, SQLiteTable } from 'drizzle-orm/sqlite-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { migrate } from '../db/migrate.ts'
import * as schema from '../db/schema.ts'
import { MIGRATIONS, openTestDatabase, type TestDatabase } from './testing/open-shared-ledger.ts'
import { startServer, type TestServer } from './testing/server.ts'

let server: TestServer
let database: TestDatabase

beforeAll(async () => {
  server = await startServer()
  database = openTestDatabase(await server.database('schema_of_it'))
}, 60_000)

afterAll(async () => {
  await database.close()
  await server.close()
})

const TABLES = Object.values(schema)
  .filter((value) => value instanceof SQLiteTable)
  .map((table) => getTableConfig(table))

/** PostgreSQL's name of each kind of column. */
const TYPES: Readonly<Record<string, string>> = {
  integer: 'bigint',
  text: 'text',
  real: 'double precision',
  blob: 'bytea',
}
/** Indexes of SQLite's that are views here: their columns say nothing of nulls. */
const VIEWS: ReadonlySet<string> = new Set(['settlement_attempts', 'settlement_accounts'])

describe('the schema on PostgreSQL', () => {
  test.each(TABLES.map((table) => [table.name, table] as const))(
    'of %s is the one that queries use',
    (name, table) => {
      const made = database.store
        .prepare(
          `SELECT column_name, data_type, is_nullable = 'NO' FROM information_schema.columns
           WHERE table_schema = 'public' AND table_name = ?`,
        )
        .all(name)
        .map(([column, type, required]) => ({ column, type, required: required === 1 }))
      const keys = new Set(table.primaryKeys.flatMap(({ columns }) => columns.map((c) => c.name)))
      const written = table.columns.map((column) => ({
        column: column.name,
        type: TYPES[column.getSQLType()],
        required: !VIEWS.has(name) && (column.notNull || column.primary || keys.has(column.name)),
      }))
      const byName = (a: { column: unknown }, b: { column: unknown }) =>
        String(a.column) < String(b.column) ? -1 : 1
      expect([...made].sort(byName)).toEqual([...written].sort(byName))
    },
  )

  test('of every table that its migrations make is written down', () => {
    const made = database.store
      .prepare(
        `SELECT table_name FROM information_schema.tables
         WHERE table_schema = 'public' AND table_name NOT IN ('migrations', 'postings')`,
      )
      .all()
    expect(made.flat().sort()).toEqual(TABLES.map(({ name }) => name).sort())
  })

  test('is made once, and a second start finds it', () => {
    migrate(database.store, MIGRATIONS)
    const names = database.store.prepare('SELECT name FROM migrations ORDER BY name').all()
    expect(names.flat()).toEqual(MIGRATIONS.map(({ name }) => name).sort())
  })
})
