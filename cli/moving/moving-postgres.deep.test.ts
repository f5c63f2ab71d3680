import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { applyCall } from '#gateway/ledger/apply-call.ts'
import { reserve, settle } from '#gateway/ledger/testing/fixtures.ts'
import { startServer, type TestServer } from '#gateway/postgres/testing/server.ts'
import { exportPostgres, exportSqlite } from './export-to-file.ts'
import { importPostgres, importSqlite } from './import-from-file.ts'
import { openPostgresForMoving } from './own-store.ts'
import { facts, fill, TODAY } from './testing/two-accounts.ts'

const folder = mkdtempSync(join(tmpdir(), 'cocoon-moving-'))
const file = (name: string): string => join(folder, name)
let server: TestServer

beforeAll(async () => {
  server = await startServer()
  await fill(file('first.db'))
}, 60_000)
afterAll(async () => {
  await server.close()
  rmSync(folder, { recursive: true })
})

test('everything moves from SQLite to PostgreSQL and back, and goes on there', async () => {
  const url = await server.database('moved')
  const exported = await exportSqlite(file('first.db'), file('cluster.stream'), TODAY)
  const there = await importPostgres(file('cluster.stream'), url)
  expect(there).toMatchObject({ skipped: 0, differences: [], totals: exported })
  const again = await importPostgres(file('cluster.stream'), url)
  expect(again).toMatchObject({ written: 0, skipped: there.written, differences: [] })

  expect(await exportPostgres(url, file('returned.stream'))).toEqual(exported)
  const back = await importSqlite(file('returned.stream'), file('returned.db'), TODAY)
  expect(back).toMatchObject({ skipped: 0, differences: [], totals: exported })
  expect(facts(file('returned.db'))).toEqual(facts(file('first.db')))

  const { core, close } = await openPostgresForMoving(url)
  expect(applyCall(core, [reserve(77_777, 100n)])).toMatchObject([{ ok: true }])
  expect(applyCall(core, [settle(77_777, 3)])).toMatchObject([{ ok: true, cost: 21n }])
  expect(applyCall(core, [{ op: 'audit' }])).toMatchObject([{ broken: [] }])
  await close()
}, 120_000)
