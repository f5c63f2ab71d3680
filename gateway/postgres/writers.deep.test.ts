import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ALICE, mirror } from '../ledger/testing/fixtures.ts'
import { manyAccounts } from '../ledger/testing/parallel.ts'
import { expectKept, liveUntil } from '../node/testing/kill-rounds.ts'
import { openTestDatabase, type TestDatabase } from './testing/open-shared-ledger.ts'
import { startServer, type TestServer } from './testing/server.ts'

const PROCESSES = 4
const CREDIT = 10_000n
const SPEND_ONCE = join(import.meta.dirname, 'testing', 'spend-once.ts')

let server: TestServer

beforeAll(async () => {
  server = await startServer({ durable: true })
}, 60_000)
afterAll(() => server.close())

async function open(name: string): Promise<{ url: string; database: TestDatabase }> {
  const url = await server.database(name)
  return { url, database: openTestDatabase(url) }
}

test('4 processes at 500 requests of one account and of 500 accounts: each balance is exact', async () => {
  const { url, database } = await open('exact')
  const ledger = database.ledger()
  const accounts = manyAccounts(500)
  await ledger.commit([ALICE, ...accounts].map((account) => mirror(account, CREDIT)))
  const said = await Promise.all(
    Array.from({ length: PROCESSES }, async (_, i) => {
      const { stdout } = await promisify(execFile)(process.execPath, [
        SPEND_ONCE,
        url,
        String(i * 1_000_000),
      ])
      // Sound: spend-once.ts says this and nothing else.
      return JSON.parse(stdout) as { one: number; many: number }
    }),
  )
  const [alice] = await ledger.commit([{ op: 'read_account', account: ALICE }])
  const one = BigInt(said.reduce((sum, { one }) => sum + one, 0))
  // Each hold of 100 was settled at 70: more requests fit than holds at once, and none beyond the credit.
  expect(alice).toMatchObject({
    account: { available: CREDIT - one * 70n, held: 0n, settled: one * 70n },
  })
  expect(one).toBeGreaterThanOrEqual(100n)
  expect(CREDIT - one * 70n).toBeGreaterThanOrEqual(0n)
  expect(said.map(({ many }) => many)).toEqual(Array(PROCESSES).fill(500))
  for (const [i, account] of accounts.entries()) {
    const [read] = await ledger.commit([{ op: 'read_account', account }])
    const cost = BigInt(PROCESSES * 7 * (1 + (i % 10)))
    expect(read).toMatchObject({
      account: { available: CREDIT - cost, held: 0n, settled: cost },
    })
  }
  const [audit] = await ledger.commit([{ op: 'audit' }])
  expect(audit.broken).toEqual([])
  await database.close()
}, 600_000)

test('4 processes that are killed amid their transactions lose nothing that they said', async () => {
  const { url, database } = await open('killed')
  const ledger = database.ledger()
  let first = 0
  const lives = Array.from({ length: PROCESSES }, async () => {
    const said: string[] = []
    for (let life = 0; life < 3; life++) {
      const answers = 1 + Math.floor(Math.random() * 300)
      said.push(...(await liveUntil(url, first++ * 1_000_000, answers)))
    }
    return said
  })
  const said = (await Promise.all(lives)).flat()
  expect(said.length).toBeGreaterThan(PROCESSES * 3)
  await expectKept({ ledger, store: database.store }, said)
  await database.close()
}, 600_000)

test('what was answered before the server itself died is in the books when it is back', async () => {
  const { url, database } = await open('crashed')
  const lives = Array.from({ length: PROCESSES }, (_, i) => liveUntil(url, i * 1_000_000, 2_000))
  await new Promise((next) => setTimeout(next, 4_000))
  await server.kill()
  await server.start()
  const said = (await Promise.all(lives)).flat()
  expect(said.length).toBeGreaterThanOrEqual(PROCESSES * 2_000)
  await expectKept({ ledger: database.ledger(), store: database.store }, said)
  await database.close()
}, 600_000)
