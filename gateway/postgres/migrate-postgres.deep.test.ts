import { Client } from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { OURS } from './locks.ts'
import { migratePostgres } from './migrate-postgres.ts'
import { MIGRATIONS } from './testing/open-shared-ledger.ts'
import { startServer, type TestServer } from './testing/server.ts'

/** Longer than any statement of requests, and any answer to one. */
const LONG_S = 21

let server: TestServer

beforeAll(async () => {
  server = await startServer()
}, 60_000)
afterAll(() => server.close())

test('gateways wait for one that migrates for longer than any request may take, and say so', async () => {
  const url = await server.database('large')
  await migratePostgres(url, MIGRATIONS)
  const other = new Client({ connectionString: url })
  await other.connect()
  await other.query(`SELECT pg_advisory_lock(${OURS}, 2)`)
  // The server goes on with this while our thread sleeps.
  const works = other.query(`SELECT pg_sleep(${LONG_S}); SELECT pg_advisory_unlock(${OURS}, 2)`)
  const told: unknown[] = []
  const late = { name: '9999_late', sql: 'CREATE TABLE late (x BIGINT)' }
  await migratePostgres(url, [...MIGRATIONS, late], (news) => told.push(news))
  expect(told).toEqual([{ kind: 'waits' }, { kind: 'migrates', name: '9999_late' }])
  await works
  await other.end()
}, 120_000)
