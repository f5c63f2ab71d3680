import fc from 'fast-check'
import { afterAll, beforeAll, test } from 'vitest'
import { describeLedger } from '../ledger/testing/conformance.ts'
import { keyWalks, walkKeys } from '../ledger/testing/key-walk.ts'
import { describeParallel } from '../ledger/testing/parallel.ts'
import { walk, walks } from '../ledger/testing/random-walk.ts'
import { openTestDatabase, type TestDatabase } from './testing/open-shared-ledger.ts'
import { startServer, type TestServer } from './testing/server.ts'

let server: TestServer
let database: TestDatabase

beforeAll(async () => {
  server = await startServer()
  database = openTestDatabase(await server.database('conformance'))
}, 60_000)

afterAll(async () => {
  await database.close()
  await server.close()
})

const here = { hosts: 'here' } as const

describeLedger('PostgreSQL', (options) => database.empty(options))
describeParallel('PostgreSQL', async () => (await database.empty(here)).ledger)

test('whatever is asked in whatever order, the books add up to what was answered', async () => {
  await fc.assert(
    fc.asyncProperty(walks, (steps) => walk(() => database.empty(here), steps)),
    { numRuns: 6 },
  )
})

test('whatever accounts, keys and budgets do, each answer and balance is the model’s', async () => {
  await fc.assert(
    fc.asyncProperty(keyWalks, (steps) => walkKeys(() => database.empty(here), steps)),
    { numRuns: 2 },
  )
})
