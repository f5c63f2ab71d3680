import { afterAll, beforeAll, expect, test } from 'vitest'
import { ALICE, BOB, mirror } from '../ledger/testing/fixtures.ts'
import { type Lanes, openLanes } from './lanes.ts'
import { migratePostgres } from './migrate-postgres.ts'
import { MIGRATIONS } from './testing/open-shared-ledger.ts'
import { startServer, type TestServer } from './testing/server.ts'

let server: TestServer
let url: string

beforeAll(async () => {
  server = await startServer()
  url = await server.database('lanes')
  await migratePostgres(url, MIGRATIONS)
}, 60_000)
afterAll(() => server.close())

const open = (): Lanes => openLanes({ url, hosts: 'here' }, () => {})

test('what was asked before the end is answered, and done', async () => {
  const lanes = open()
  const asked = Promise.all([
    lanes.commit([mirror(ALICE, 5n)]),
    lanes.commit([mirror(BOB, 7n)]),
    lanes.commit([{ op: 'read_account', account: BOB }]),
  ])
  await lanes.close()
  expect(await asked).toMatchObject([[{ ok: true }], [{ ok: true }], [{ ok: true }]])
  const again = open()
  const [read] = await again.commit([{ op: 'read_account', account: ALICE }])
  expect(read).toMatchObject({ ok: true, account: { available: 5n } })
  await again.close()
}, 120_000)
