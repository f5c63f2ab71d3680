import Database from 'better-sqlite3'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startTestRunner, type TestRunner } from '../testing/test-runner.ts'
import { MODEL, startTestWorld, type TestAccount, type TestWorld } from '../testing/world.ts'

/** The gateway's own fault, as a damaged store brings it about: its tables are taken away while it serves. */
const SECRET = 'a secret word of the prompt'
const FUNDS = 1_000_000n

let world: TestWorld
let runner: TestRunner
let account: TestAccount

beforeAll(async () => {
  world = await startTestWorld()
  runner = await startTestRunner(world)
  account = await world.account(FUNDS)
  // The key is known from here on: what fails is what comes after it.
  await account.balance()
})
afterAll(async () => {
  await runner?.close()
  await world?.close()
})

async function withoutTable<T>(table: string, run: () => Promise<T>): Promise<T> {
  const store = new Database(world.config.databasePath)
  try {
    store.exec(`ALTER TABLE ${table} RENAME TO ${table}_away`)
    return await run()
  } finally {
    store.exec(`ALTER TABLE ${table}_away RENAME TO ${table}`)
    store.close()
  }
}

const post = (path: string, more: object = {}) =>
  fetch(world.gateway.origin + path, {
    method: 'POST',
    headers: { authorization: `Bearer ${account.key}` },
    body: JSON.stringify({
      model: MODEL,
      max_tokens: 10,
      messages: [{ role: 'user', content: SECRET }],
      ...more,
    }),
  })
const get = (path: string) =>
  fetch(world.gateway.origin + path, { headers: { authorization: `Bearer ${account.key}` } })

/** What stands in no answer, header or log: content, keys, and what the store said. */
function expectNothingOf(text: string): void {
  for (const secret of [SECRET, account.key, 'no such table', '_away', 'at ', '/work/']) {
    expect(text).not.toContain(secret)
  }
}

async function expectPromise(response: Response, status: number): Promise<void> {
  expect(response.status).toBe(status)
  const id = response.headers.get('x-request-id') ?? ''
  expect(id).toMatch(/^req_[0-9a-f]{32}$/)
  expect(response.headers.get('x-should-retry')).toBe('true')
  const text = await response.text()
  expectNothingOf(text + JSON.stringify([...response.headers]))
  const lines = world.logged.filter((line) => line.includes(id))
  expect(lines).toHaveLength(1)
  expect(lines[0]).toMatch(/^error request failed /)
  expectNothingOf(lines[0] ?? '')
}

describe('a fault of the gateway tells its request’s id and nothing else', () => {
  test('a store that breaks under a route: 500', async () => {
    const path = `/v1/aci/sessions/${runner.sessionId}`
    const response = await withoutTable('sessions', () => get(path))
    expect(await response.clone().json()).toEqual({
      error: {
        message: 'The gateway failed to serve this request',
        type: 'server_error',
        param: null,
        code: 'internal_error',
      },
    })
    await expectPromise(response, 500)
    expect((await get(path)).status).toBe(200)
  })

  test('a ledger that breaks: 503, nothing is sent to a runner, nothing is charged', async () => {
    const before = runner.seen.length
    const response = await withoutTable('holds', () => post('/v1/chat/completions'))
    await expectPromise(response, 503)
    expect(runner.seen).toHaveLength(before)
    expect(await account.balance()).toEqual({ available: FUNDS, held: 0n })
  })

  test('in the words of the API that was asked', async () => {
    const response = await withoutTable('holds', () => post('/v1/messages'))
    expect(await response.clone().json()).toMatchObject({
      type: 'error',
      error: { type: 'overloaded_error' },
      request_id: response.headers.get('x-request-id'),
    })
    await expectPromise(response, 503)
  })

  test('what is not offered is nobody’s fault: it stands in no log', async () => {
    const response = await get('/v1/files')
    expect(response.status).toBe(501)
    const id = response.headers.get('x-request-id') ?? ''
    expect(world.logged.filter((line) => line.includes(id))).toEqual([])
  })

  test('and the next request is served, once the fault is mended', async () => {
    expect((await post('/v1/chat/completions')).status).toBe(200)
    expectNothingOf(world.logged.filter((line) => line.includes('request')).join('\n'))
  })
})
