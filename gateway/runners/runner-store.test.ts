import Database from 'better-sqlite3'
import { drizzle } from 'drizzle-orm/better-sqlite3'
import { beforeEach, expect, test } from 'vitest'
import { unixMs, unixSeconds } from '#base/brand.ts'
import { runnerId, sessionId, tonAddress } from '../db/ids.ts'
import { MIGRATIONS, openLedger } from '../node/testing/open-ledger.ts'
import { createRunnerStore, type RunnerStore } from './runner-store.ts'

const ID = runnerId('run_one')
const AT = unixMs(1_000)

let store: RunnerStore
beforeEach(() => {
  store = createRunnerStore(openLedger(':memory:').store)
})

/** A registration of a machine, as it was made up before anything was written. */
function entry(runner = ID, hardware = 'chip,gpu', session = '1', model = 'a/model') {
  const name = sessionId(session.repeat(64))
  const payee = tonAddress(`0:${'11'.repeat(32)}`)
  return {
    runner: {
      ...{ id: runner, payee, hardware, model, state: 'admitted' as const },
      ...{ sequence: 1, created: AT, seen: AT },
    },
    session: {
      ...{ id: name, runner, keyset_digest: session, document: '{}', evidence: '{}' },
      ...{ collateral: '{}', at: AT, appraised: AT, cut: null },
    },
    lease: {
      ...{ runner, session: name, keyset: '{}', keyset_digest: session, transport: 'tunnel' },
      ...{ origin: 'http://run', context_length: 1, max_output_tokens: 1, capabilities: null },
      ...{ price_coefficient_bps: 1, capacity: 1, allowance_key: new Uint8Array(32), at: AT },
      expires: unixSeconds(9),
    },
  }
}

test('a machine does not become two runners of a model by registering twice at once (H7)', async () => {
  const other = runnerId('run_two')
  expect(await store.register(entry())).toBe('admitted')
  expect(await store.register(entry(other, 'gpu,chip2', '2'))).toBeUndefined()
  expect(await store.findRunner(other)).toBeUndefined()
  expect(await store.leased([other])).toEqual([])
  expect(await store.register(entry(other, 'gpu,chip2', '2', 'another/model'))).toBe('admitted')
})

test('a denial that falls into a registration stays (H7)', async () => {
  const read = entry()
  await store.register(read)
  await store.setState(ID, 'denied')
  expect(await store.register(read)).toBe('denied')
  expect((await store.findRunner(ID))?.state).toBe('denied')
})

test('the end of a session does not end the lease of the next one', async () => {
  await store.register(entry())
  await store.register(entry(ID, 'chip,gpu', '2'))
  await store.endLease(ID, sessionId('1'.repeat(64)))
  expect(await store.leased([ID])).toHaveLength(1)
  await store.endLease(ID, sessionId('2'.repeat(64)))
  expect(await store.leased([ID])).toEqual([])
})

test('sessions are found by their keyset without reading the others: there is one of each registration', async () => {
  const asked: string[] = []
  const client = new Database(':memory:', { verbose: (sql) => asked.push(String(sql)) })
  for (const { sql } of MIGRATIONS) client.exec(sql)
  const reads = createRunnerStore({ ...openLedger(':memory:').store, db: drizzle(client) })
  asked.length = 0
  await reads.findKeyset(ID, '1')
  await reads.sessionsOfKeyset('1', 200)
  const plans = [...asked].map((sql) => client.prepare(`EXPLAIN QUERY PLAN ${sql}`).all())
  expect(plans).toEqual([
    [
      expect.objectContaining({
        detail: expect.stringMatching(/^SEARCH .*keyset_digest=\? AND runner=\?/),
      }),
    ],
    [expect.objectContaining({ detail: expect.stringMatching(/^SEARCH .*keyset_digest=\?/) })],
  ])
  client.close()
})
