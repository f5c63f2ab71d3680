import { describe, expect, test } from 'vitest'
import { MODEL } from '../testing/world.ts'
import { CHAT, COST, call, chat, codeOf, json, useGateway, withKey } from './testing/key-calls.ts'

const PATIENTLY = { timeout: 30_000, interval: 100 }

const at = useGateway()

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
    const account = await at.world.account(1n)
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
  const { key } = await at.world.account(1n)
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
      await at.world.restart()
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
    const path = at.world.config.databasePath
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
      '?group_by=day&from=2026-02-02&to=2026-02-01',
    ]) {
      expect((await get(query)).status).toBe(400)
    }
    expect((await get('?group_by=day&from=2000-01-01')).status).toBe(400)
  })

  test('as CSV names its next page, and the last page names none', async () => {
    const { account, key } = await withKey({})
    for (let count = 0; count < 101; count++) await (await chat(key)).text()
    const page = async (query: string) => {
      const answer = await call('GET', `/v1/account/usage${query}`, { key: account.key })
      const lines = (await answer.text()).trim().split('\r\n')
      return { link: answer.headers.get('link'), rows: lines.slice(1) }
    }
    const first = await page('?format=csv')
    expect(first.rows).toHaveLength(100)
    const next = /^<(\?format=csv&before=\d+)>; rel="next"$/.exec(first.link ?? '')?.[1] ?? ''
    const last = await page(next)
    expect(last).toMatchObject({ link: null, rows: [expect.stringMatching(/^req_/)] })
    expect(first.rows).not.toContain(last.rows[0])
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
