import { createServer, type IncomingMessage, type Server } from 'node:http'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { accountIdOf } from '#contracts/pure'
import { signInStatement } from '#protocol'
import { generateSigner, nodeProvider } from '#protocol/node'
import { testWallet } from '../accounts/testing/wallets.ts'
import { startTestRunner, type TestRunner } from '../testing/test-runner.ts'
import { hexOf, MODEL, randomBytes, startTestWorld, type TestWorld } from '../testing/world.ts'

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

const PATIENTLY = { timeout: 30_000, interval: 100 }

interface Call {
  readonly key?: string | undefined
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
}

function call(method: string, path: string, { key, body, headers }: Call = {}) {
  return fetch(world.gateway.origin + path, {
    method,
    headers: { ...(key === undefined ? {} : { authorization: `Bearer ${key}` }), ...headers },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
}

// biome-ignore lint/suspicious/noExplicitAny: tests read arbitrary members of answers
async function json(response: Promise<Response>): Promise<any> {
  return (await response).json()
}

const CHAT = { model: MODEL, messages: [], max_tokens: 100 }
/** What `CHAT` may cost at most, and what it costs. */
const COST = 23n

const chat = (key: string, headers: Readonly<Record<string, string>> = {}, body: object = CHAT) =>
  call('POST', '/v1/chat/completions', { key, body, headers })

async function codeOf(response: Promise<Response>): Promise<[number, string]> {
  const answer = await response
  const { error } = await answer.json()
  return [answer.status, error.code]
}

async function withKey(wish: object, funds = 1_000_000_000n) {
  const account = await world.account(funds)
  const made = await json(call('POST', '/v1/keys', { key: account.key, body: wish }))
  return { account, id: made.id as string, key: made.key as string, made }
}

describe('an inference key', () => {
  test('spends and reads its balance; it makes, lists, changes and revokes no keys, and sees no history of money', async () => {
    const { key, id, account } = await withKey({})
    expect((await chat(key)).status).toBe(200)
    expect((await call('GET', '/v1/account', { key })).status).toBe(200)
    for (const [method, path, body] of [
      ['POST', '/v1/keys', {}],
      ['GET', '/v1/keys', undefined],
      ['PATCH', `/v1/keys/${id}`, { budget: null }],
      ['POST', `/v1/keys/${id}/rotate`, {}],
      ['DELETE', `/v1/keys/${id}`, undefined],
      ['GET', '/v1/account/usage', undefined],
      ['GET', '/v1/account/ledger', undefined],
      ['GET', '/v1/account/deposits', undefined],
      ['GET', '/v1/account/exit', undefined],
      ['POST', '/v1/account/exit', {}],
      ['DELETE', '/v1/account/exit', {}],
      ['PUT', '/v1/account/webhook', { url: 'https://x.example', threshold: '1' }],
    ] as const) {
      expect(await codeOf(call(method, path, { key, body }))).toEqual([403, 'admin_key_required'])
    }
    expect((await json(call('GET', '/v1/keys', { key: account.key }))).data).toHaveLength(2)
  })

  test('with a limit that is misspelt is not made', async () => {
    const account = await world.account(1n)
    const body = { budgets: { day: '1' } }
    expect(await codeOf(call('POST', '/v1/keys', { key: account.key, body }))).toEqual([
      400,
      'invalid_request',
    ])
  })
})

test.each([
  [{ budgets: { day: '1' } }, null, 'unknown'],
  [{ budget: { day: 1 } }, 'budget.day', 'expected string'],
  [{ budget: { day: '1.5' } }, 'budget.day', 'whole nanoTON'],
  [{ allowed_origins: ['page.example/x'] }, 'allowed_origins.0', 'https://page.example'],
  [{ requests_per_minute: 0 }, 'requests_per_minute', '>=1'],
])('what is wrong with %j is told, and nothing of what was sent', async (body, param, word) => {
  const { key } = await world.account(1n)
  const response = await call('POST', '/v1/keys', { key, body })
  expect(response.status).toBe(400)
  const { error } = await response.json()
  expect(error).toMatchObject({ param, message: expect.stringContaining(word) })
  expect(error.message).not.toMatch(/budgets|page.example\/x/)
})

describe('a key', () => {
  test('is changed by many at once, and no change undoes another', async () => {
    const { id, account } = await withKey({ budget: { total: '9' }, max_price: { input: '7' } })
    const patches = [
      { name: 'renamed' },
      { sealed_only: true },
      { models: [MODEL] },
      { allowed_origins: ['https://page.example'] },
      { max_price: { output: '8' } },
      { requests_per_minute: 1 },
      { tokens_per_minute: 2 },
      { concurrency: 3 },
      { budget: { day: '4' } },
      { budget: { week: '5' } },
      { budget: { total: null } },
    ]
    const answers = await Promise.all(
      patches.map((body) => call('PATCH', `/v1/keys/${id}`, { key: account.key, body })),
    )
    expect(answers.map(({ status }) => status)).toEqual(patches.map(() => 200))
    const { data } = await json(call('GET', '/v1/keys', { key: account.key }))
    expect(data.find((key: { id: string }) => key.id === id)).toMatchObject({
      name: 'renamed',
      sealed_only: true,
      models: [MODEL],
      allowed_origins: ['https://page.example'],
      max_price: { input: '7', output: '8' },
      requests_per_minute: 1,
      tokens_per_minute: 2,
      concurrency: 3,
      budget: { total: null, day: '4', week: '5', month: null },
    })
  })

  test('is for its models, its pages, its price, and sealed bodies where it says so', async () => {
    const { account, key, id } = await withKey({ models: ['another'] })
    const patch = (body: object) => call('PATCH', `/v1/keys/${id}`, { key: account.key, body })
    expect(await codeOf(chat(key))).toEqual([403, 'model_not_allowed'])
    await patch({ models: [MODEL], allowed_origins: ['https://page.example'] })
    expect(await codeOf(chat(key))).toEqual([403, 'origin_not_allowed'])
    expect(await codeOf(chat(key, { origin: 'https://evil.example' }))).toEqual([
      403,
      'origin_not_allowed',
    ])
    expect((await chat(key, { origin: 'https://page.example' })).status).toBe(200)
    await patch({ allowed_origins: null, max_price: { input: '5' } })
    expect(await codeOf(chat(key))).toEqual([400, 'price_ceiling'])
    await patch({ max_price: null, sealed_only: true })
    expect(await codeOf(chat(key))).toEqual([403, 'sealed_only'])
    const soon = Math.ceil(Date.now() / 1000) + 1
    expect((await patch({ sealed_only: false, expires_at: soon })).status).toBe(200)
    await expect
      .poll(() => call('GET', '/v1/account', { key }).then(({ status }) => status), PATIENTLY)
      .toBe(401)
    expect(await codeOf(chat(key))).toEqual([401, 'invalid_api_key'])
  })

  test.each([
    ['expires_at', 1],
    ['expires_at', Math.floor(Date.now() / 1000)],
    ['name', 'two\nlines'],
    ['name', 'bell\u0007'],
    ['name', 'turned \u202e round'],
    ['name', 'half a pair \ud800'],
  ])('is not made or changed with %s %j', async (param, value) => {
    const { account, id, made } = await withKey({ name: 'клавиша 👩‍🚀' })
    const body = { [param]: value }
    for (const [method, path] of [
      ['POST', '/v1/keys'],
      ['PATCH', `/v1/keys/${id}`],
    ] as const) {
      const answer = await call(method, path, { key: account.key, body })
      expect(answer.status).toBe(400)
      expect((await answer.json()).error).toMatchObject({ code: 'invalid_request', param })
    }
    const { data } = await json(call('GET', '/v1/keys', { key: account.key }))
    expect(data).toHaveLength(2)
    expect(data.find((key: { id: string }) => key.id === id).name).toBe(made.name)
  })

  test('spends its budget and not a nanoTON more, and says what is left', async () => {
    const { account, key } = await withKey({ budget: { day: '100', total: '1000' } })
    const [status, code] = await codeOf(chat(key, {}, { ...CHAT, max_tokens: 4_000 }))
    expect([status, code]).toEqual([402, 'key_budget_exceeded'])
    const rich = await withKey({ budget: { day: '1000000' } })
    const answer = await chat(rich.key)
    expect(BigInt(answer.headers.get('x-cocoon-balance') ?? '')).toBeLessThan(1_000_000_000n)
    await answer.text()
    const { data } = await json(call('GET', '/v1/key', { key: rich.key }))
    expect(data).toMatchObject({
      limit: 0.001,
      limit_remaining: 0.000999977,
      limit_reset: 'daily',
      usage: 0.000000023,
      usage_daily: 0.000000023,
      usage_monthly: 0.000000023,
    })
    expect((await account.balance()).held).toBe(0n)
  })

  test('rotated answers to both texts for a while, and keeps its name and limits', async () => {
    const { account, key, id } = await withKey({ name: 'ci', concurrency: 3 })
    const rotate = (body: object) =>
      json(call('POST', `/v1/keys/${id}/rotate`, { key: account.key, body }))
    const rotated = await rotate({})
    expect(rotated).toMatchObject({ id, name: 'ci', concurrency: 3 })
    expect(rotated.previous_until).toBeGreaterThan(Date.now() / 1000)
    expect((await chat(key)).status).toBe(200)
    expect((await chat(rotated.key)).status).toBe(200)
    const again = await rotate({ grace_seconds: 0 })
    for (const old of [key, rotated.key]) {
      expect(await codeOf(chat(old))).toEqual([401, 'invalid_api_key'])
    }
    expect((await chat(again.key)).status).toBe(200)
    await call('DELETE', `/v1/keys/${id}`, { key: account.key })
    const path = `/v1/keys/${id}/rotate`
    expect(await codeOf(call('POST', path, { key: account.key, body: {} }))).toEqual([
      409,
      'conflict',
    ])
  })

  test('of so many requests a minute is told when to come again', async () => {
    const { key } = await withKey({ requests_per_minute: 2 })
    const first = await chat(key)
    expect(first.headers.get('x-ratelimit-limit-requests')).toBe('2')
    expect(first.headers.get('x-ratelimit-remaining-requests')).toBe('1')
    await chat(key)
    const third = await chat(key)
    expect(third.status).toBe(429)
    expect(Number(third.headers.get('retry-after'))).toBeGreaterThan(20)
    expect(third.headers.get('x-ratelimit-remaining-requests')).toBe('0')
    expect(third.headers.get('x-should-retry')).toBe('true')
  })

  test('of so many tokens a minute gets back what a request did not use', async () => {
    const { key } = await withKey({ tokens_per_minute: 1_000 })
    const answer = await chat(key)
    const atMost = Number(answer.headers.get('x-ratelimit-remaining-tokens'))
    await answer.text()
    const { headers } = await call('GET', '/v1/key', { key })
    // 10 of the prompt and 6 of the answer are used; some come back with time.
    expect(Number(headers.get('x-ratelimit-remaining-tokens'))).toBeGreaterThanOrEqual(1_000 - 16)
    expect(atMost).toBeLessThan(900)
    const large = await chat(key, {}, { ...CHAT, max_tokens: 2_000 })
    expect(large.status).toBe(429)
    expect(large.headers.get('x-should-retry')).toBe('false')
    expect(large.headers.get('retry-after')).toBeNull()
    expect((await large.json()).error.code).toBe('request_exceeds_limit')
  })
})

describe('an Idempotency-Key (H21)', () => {
  const once = (key: string, name: string, body: object = CHAT) =>
    chat(key, { 'idempotency-key': name }, body)

  test('is charged once; a repeat is a 409 with the receipt, also after a restart', async () => {
    const { key, account } = await withKey({})
    const first = await once(key, 'order 1')
    const receipt = first.headers.get('x-receipt-id')
    await first.text()
    await account.balance()
    for (const _ of ['at once', 'after a restart']) {
      const repeat = await once(key, 'order 1')
      expect(repeat.status).toBe(409)
      expect(repeat.headers.get('x-should-retry')).toBe('false')
      expect(repeat.headers.get('x-receipt-id')).toBe(receipt)
      const { error } = await repeat.json()
      expect(error).toMatchObject({
        code: 'idempotent_repeat',
        receipt_id: receipt,
        state: 'settled',
      })
      await world.restart()
    }
    const other = await once(key, 'order 1', { ...CHAT, max_tokens: 99 })
    expect((await other.json()).error.code).toBe('idempotency_key_reused')
    expect((await account.balance()).available).toBe(1_000_000_000n - COST)
    const stranger = await withKey({})
    expect((await once(stranger.key, 'order 1')).status).toBe(200)
  })

  test('of a request that came to nothing is free again', async () => {
    const { key, account, id } = await withKey({ budget: { total: '1' } })
    expect(await codeOf(once(key, 'a'))).toEqual([402, 'key_budget_exceeded'])
    await call('PATCH', `/v1/keys/${id}`, { key: account.key, body: { budget: null } })
    expect((await once(key, 'a')).status).toBe(200)
  })

  test('is no content of any database row', async () => {
    const { key } = await withKey({})
    const name = 'a-very-secret-order-name'
    await (await once(key, name)).text()
    const { readFileSync } = await import('node:fs')
    const path = world.config.databasePath
    const files = [path, `${path}-wal`].map((file) => readFileSync(file))
    for (const file of files) expect(file.includes(name)).toBe(false)
  })

  test.each(['', 'x'.repeat(256)])('that is no key is a 400', async (name) => {
    const { key } = await withKey({})
    expect(await codeOf(once(key, name))).toEqual([400, 'invalid_request'])
  })
})

describe('usage', () => {
  test('adds up by day, model and key, as JSON and as CSV', async () => {
    const { account, key, id } = await withKey({})
    await (await chat(key)).text()
    await (await chat(account.key)).text()
    await (await chat(key)).text()
    const get = (query: string) => call('GET', `/v1/account/usage${query}`, { key: account.key })
    const today = new Date().toISOString().slice(0, 10)
    const byDay = await json(get('?group_by=day'))
    expect(byDay.data).toMatchObject([{ day: today, requests: 3, cost: '69', tokens_prompt: 30 }])
    const byAll = await json(get('?group_by=model,key'))
    expect(byAll.data).toHaveLength(2)
    expect(byAll.data).toContainEqual(
      expect.objectContaining({ model: MODEL, key_id: id, requests: 2, cost: '46' }),
    )
    const csv = await get('?group_by=day,model,key&format=csv')
    expect(csv.headers.get('content-type')).toBe('text/csv; charset=utf-8')
    const [header, ...lines] = (await csv.text()).trim().split('\r\n')
    expect(header).toBe(
      'day,model,key_id,requests,tokens_prompt,tokens_cached,tokens_completion,tokens_reasoning,cost,total_cost',
    )
    expect(lines).toHaveLength(2)
    for (const query of [
      '?group_by=hour',
      '?group_by=key,day,x',
      '?group_by=day&from=2026-02-30',
    ]) {
      expect((await get(query)).status).toBe(400)
    }
    expect((await get('?group_by=day&from=2000-01-01')).status).toBe(400)
  })

  test('of one request is told as OpenRouter tells it', async () => {
    const { key, id } = await withKey({})
    const answer = await chat(key)
    const receipt = answer.headers.get('x-receipt-id')
    await answer.text()
    const { data } = await json(call('GET', `/v1/generation?id=${receipt}`, { key }))
    expect(data).toMatchObject({
      id: receipt,
      model: MODEL,
      finish_reason: 'stop',
      tokens_prompt: 10,
      native_tokens_prompt: 10,
      total_cost: 0.000000023,
      is_byok: false,
      cancelled: false,
      key_id: id,
    })
    expect(Number.isNaN(Date.parse(data.created_at))).toBe(false)
  })
})

/** An account of this owner's keys, opened as such. */
async function openFor(keys: { owner?: string; owner_key?: string }): Promise<string> {
  const salt = randomBytes(16)
  const id = await accountIdOf(
    {
      owner: keys.owner ?? null,
      ownerKey:
        keys.owner_key === undefined ? null : new Uint8Array(Buffer.from(keys.owner_key, 'hex')),
      spendKey: null,
      salt,
    },
    'managed',
    async (bytes) => nodeProvider.hashes.sha256(bytes),
  )
  await world.ledger.commit([
    {
      op: 'open_account',
      account: id,
      mode: 'managed',
      keys: JSON.stringify({ ...keys, salt: hexOf(salt) }),
      at: Date.now() as never,
    },
  ])
  return id
}

describe('an owner who lost the keys', () => {
  const challenge = (account: string) =>
    json(call('POST', '/v1/auth/challenge', { body: { account } }))
  const session = (body: object) => call('POST', '/v1/auth/session', { body })

  test('signs in with the owner key, and the session makes keys but serves no inference', async () => {
    const owner = generateSigner('owner')
    const account = await openFor({ owner_key: hexOf(owner.publicKey) })
    const { nonce } = await challenge(account)
    const gateway = world.gateway.origin
    const signature = hexOf(owner.sign(signInStatement({ gateway, account, nonce })))
    const answer = await json(session({ account, nonce, signature }))
    expect(answer).toMatchObject({ account, token_type: 'Bearer' })
    const key = answer.token
    const made = await json(call('POST', '/v1/keys', { key, body: { role: 'admin' } }))
    expect((await call('GET', '/v1/account', { key: made.key })).status).toBe(200)
    expect(await codeOf(chat(key))).toEqual([401, 'invalid_api_key'])
    expect(await codeOf(call('GET', '/v1/key', { key }))).toEqual([404, 'key_not_found'])
    // The nonce is used up, also after a restart.
    await world.restart()
    expect(await codeOf(session({ account, nonce, signature }))).toEqual([400, 'invalid_request'])
    // A session outlives the restart, until its time.
    expect((await call('GET', '/v1/keys', { key })).status).toBe(200)
    const cut = `${key.slice(0, -4)}AAAA`
    expect(await codeOf(call('GET', '/v1/keys', { key: cut }))).toEqual([401, 'invalid_api_key'])
  })

  test('signs in with the wallet that owns the account (M17)', async () => {
    const wallet = testWallet()
    const account = await openFor({ owner: wallet.address })
    const { nonce, ton_proof } = await challenge(account)
    expect(ton_proof.domain).toBe(new URL(world.gateway.origin).host)
    const timestamp = Math.floor(Date.now() / 1000)
    const proof = wallet.prove({ ...ton_proof, timestamp })
    const thief = testWallet().prove({ ...ton_proof, timestamp })
    expect(await codeOf(session({ account, nonce, ton_proof: thief }))).toEqual([
      403,
      'signature_invalid',
    ])
    const phished = wallet.prove({ ...ton_proof, domain: 'phish.example', timestamp })
    expect(await codeOf(session({ account, nonce, ton_proof: phished }))).toEqual([
      403,
      'signature_invalid',
    ])
    const { token } = await json(session({ account, nonce, ton_proof: proof }))
    expect((await call('GET', '/v1/keys', { key: token })).status).toBe(200)
    expect(await codeOf(session({ account, nonce, ton_proof: proof }))).toEqual([
      400,
      'invalid_request',
    ])
  })

  test('gets nothing with a nonce of another account, of nobody, or for an account that nobody opened', async () => {
    const owner = generateSigner('owner')
    const account = await openFor({ owner_key: hexOf(owner.publicKey) })
    const other = await openFor({ owner_key: hexOf(generateSigner('other').publicKey) })
    const gateway = world.gateway.origin
    const sign = (nonce: string) => hexOf(owner.sign(signInStatement({ gateway, account, nonce })))
    const { nonce } = await challenge(other)
    for (const made of [nonce, 'ab'.repeat(16)]) {
      const body = { account, nonce: made, signature: sign(made) }
      expect(await codeOf(session(body))).toEqual([400, 'invalid_request'])
    }
    const own = await challenge(account)
    expect(await codeOf(session({ account, nonce: own.nonce }))).toEqual([403, 'signature_invalid'])
    const unknown = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'
    const asked = await challenge(unknown)
    const body = { account: unknown, nonce: asked.nonce, signature: sign(asked.nonce) }
    expect(await codeOf(session(body))).toEqual([403, 'signature_invalid'])
  })
})

describe('a webhook', () => {
  let received: { headers: IncomingMessage['headers']; body: string }[]
  let status: number
  let server: Server
  let url: string

  beforeAll(async () => {
    received = []
    status = 500
    server = createServer(async (request, response) => {
      const parts: Buffer[] = []
      for await (const part of request) parts.push(part)
      received.push({ headers: request.headers, body: Buffer.concat(parts).toString() })
      response.writeHead(status).end()
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const address = server.address()
    url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}/hook?x=1`
  })
  afterAll(() => server.close())

  test('is told once of a low balance, signed, with retries and no content', async () => {
    const account = await world.account(1_000n)
    const body = { url, threshold: '5000' }
    const set = await json(call('PUT', '/v1/account/webhook', { key: account.key, body }))
    expect(set).toMatchObject({ url, threshold: '5000', state: 'armed' })
    const arrived = async (count: number) => {
      await expect.poll(() => received.length, { timeout: 60_000 }).toBeGreaterThanOrEqual(count)
    }
    await arrived(1)
    status = 204
    await arrived(2)
    const [first, second] = received
    expect(second?.body).toBe(first?.body)
    const told = JSON.parse(first?.body ?? '')
    expect(told).toMatchObject({
      type: 'balance.low',
      data: { account: account.id, available: '1000', threshold: '5000' },
    })
    const secret = Buffer.from(set.secret.replace('whsec_', ''), 'base64')
    const { createHmac } = await import('node:crypto')
    const signed = `${second?.headers['webhook-id']}.${second?.headers['webhook-timestamp']}.${second?.body}`
    expect(second?.headers['webhook-signature']).toBe(
      `v1,${createHmac('sha256', secret).update(signed).digest('base64')}`,
    )
    const shown = () => json(call('GET', '/v1/account/webhook', { key: account.key }))
    await expect.poll(async () => (await shown()).state, { timeout: 20_000 }).toBe('told')
    expect((await shown()).secret).toBeUndefined()
    expect(received).toHaveLength(2)
    const gone = await call('DELETE', '/v1/account/webhook', { key: account.key })
    expect(gone.status).toBe(204)
    expect((await call('GET', '/v1/account/webhook', { key: account.key })).status).toBe(404)
  })

  test.each([
    'http://hook.example/x',
    'https://user@hook.example/x',
    'https://169.254.169.254/latest',
    'https://[::1]/x',
    'https://10.0.0.1/x',
    'ftp://hook.example',
    'nonsense',
  ])('to %s is refused', async (url) => {
    const account = await world.account(1n)
    const body = { url, threshold: '5000' }
    const path = '/v1/account/webhook'
    expect(await codeOf(call('PUT', path, { key: account.key, body }))).toEqual([
      400,
      'invalid_request',
    ])
  })
})
