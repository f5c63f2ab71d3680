import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { CHUNKS, COMPLETION, startTestRunner, type TestRunner } from '../testing/test-runner.ts'
import { MODEL, startTestWorld, type TestWorld } from '../testing/world.ts'

let world: TestWorld
let runner: TestRunner

beforeAll(async () => {
  world = await startTestWorld()
  runner = await startTestRunner(world)
})
afterAll(async () => {
  await runner?.close()
  await world?.close()
})

const BODY = { model: MODEL, messages: [{ role: 'user', content: 'hi' }], max_tokens: 100 }

function ask(key: string, body: object = BODY, path = '/v1/chat/completions'): Promise<Response> {
  return fetch(world.gateway.origin + path, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}` },
    body: JSON.stringify(body),
  })
}

describe('a plain client', () => {
  test('gets the runner’s JSON unchanged and pays what the receipt says', async () => {
    const account = await world.account(1_000_000n)
    const response = await ask(account.key)
    const text = await response.text()
    expect(response.status).toBe(200)
    const body = JSON.parse(text)
    expect(body).toMatchObject(COMPLETION)
    expect(body.cocoon_receipt.receipt_id).toBe(response.headers.get('x-receipt-id'))
    expect(await account.balance()).toEqual({ available: 1_000_000n - 23n, held: 0n })
  })

  test('gets the runner’s stream unchanged', async () => {
    const account = await world.account(1_000_000n)
    const response = await ask(account.key, { ...BODY, stream: true })
    const text = await response.text()
    expect(text.startsWith(CHUNKS.join(''))).toBe(true)
    expect(text).toContain('data: [DONE]\n\n: cocoon-receipt ')
    expect((await account.balance()).held).toBe(0n)
  })
})
