import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { receiptEvent } from '#protocol'
import type { Leg } from '../testing/ask.ts'
import { ask, payloads } from '../testing/ask.ts'
import type { Registered, TestGateway } from '../testing/test-gateway.ts'
import { startTestGateway } from '../testing/test-gateway.ts'
import { startTestRunner } from '../testing/test-runner.ts'

let gateway: TestGateway
let at: Registered
let stop: () => Promise<void>
let logged: readonly { event: string; fields: object }[]

beforeAll(async () => {
  gateway = await startTestGateway()
  const { runner, lines } = await startTestRunner([gateway.origin])
  logged = lines
  await gateway.until(() => gateway.registrations.length > 0)
  const [first] = gateway.registrations
  if (first === undefined) throw new Error('not registered')
  at = first
  stop = async () => {
    await runner.close(0)
    await gateway.close()
  }
})
afterAll(() => stop())

const chat = (more: object = {}) => ({
  model: 'tiny-demo',
  temperature: 0,
  messages: [{ role: 'user', content: 'Who are you?' }],
  ...more,
})
const SELF = 'I am a tiny demo model with about one million parameters. I run on your own computer.'

describe.each<Leg>(['session', 'cocoon', 'ehbp'])('a request sealed as %s', (leg) => {
  test('is answered whole, with usage, cost and a receipt that covers both bodies', async () => {
    const answer = await ask(at, chat(), { leg })
    expect(answer.status).toBe(200)
    const body = JSON.parse(answer.text ?? '')
    expect(body.choices[0].message.content).toBe(SELF)
    expect(body.cocoon_receipt.receipt_id).toBe(answer.request)
    // 10 × 1 + 51 × 3 nanoTON at the allowance's price per token.
    expect(body.usage).toMatchObject({ prompt_tokens: 10, completion_tokens: 51, cost_nano: '163' })
    expect(body.usage.cost_details).toEqual({ upstream_inference_cost: null })
    expect(body.provider).toMatch(/^run_/)
    if (answer.receipt === undefined) throw new Error('no receipt')
    expect(receiptEvent(answer.receipt, 'usage.metered')).toMatchObject({
      prompt_tokens: 10,
      completion_tokens: 51,
      stop_reason: 'normal',
      cost: 163n,
      request: answer.request,
    })
    expect(answer.receipt.chat_id).toBe(body.id)
  })

  test('is streamed with the receipt as last content', async () => {
    const answer = await ask(at, chat({ stream: true }), { leg })
    const events = payloads(answer.text)
    expect(events.at(-1)).toBe('[DONE]')
    const chunks = events.slice(0, -1).map((event) => JSON.parse(event))
    expect(chunks.map((chunk) => chunk.choices[0].delta.content ?? '').join('')).toBe(SELF)
    expect(chunks.every((chunk) => !('usage' in chunk))).toBe(true)
    expect(answer.receipt?.receipt_id).toBe(answer.request)
    await gateway.until(() =>
      gateway.receipts.some(({ receipt }) => receipt.receipt_id === answer.request),
    )
  })
})

test('the hybrid suite opens as well', async () => {
  const answer = await ask(at, chat(), { leg: 'cocoon', suite: 'ehbp-mlkem768-x25519' })
  expect(answer.status).toBe(200)
})

test('the usage chunk comes only for those who ask, before [DONE], with the cost', async () => {
  const answer = await ask(at, chat({ stream: true, stream_options: { include_usage: true } }))
  const usage = JSON.parse(payloads(answer.text).at(-2) ?? '')
  expect(usage).toMatchObject({ choices: [], usage: { completion_tokens: 51, cost_nano: '163' } })
})

test('frames between our peers have sizes of a few buckets only', async () => {
  const { frames } = await ask(at, chat({ stream: true }))
  expect(frames.length).toBeGreaterThan(1)
  expect(frames.every((size) => [512, 1024, 2048, 4096, 8192, 16_384].includes(size))).toBe(true)
})

describe('without opening anything, the runner refuses', () => {
  test.each([
    ['a plain request', { 'ehbp-encapsulated-key': '' }, 400],
    ['a request without allowance', { 'x-cocoon-allowance': '' }, 403],
    ['an allowance of another gateway', { 'x-cocoon-allowance': 'e30.AAAA' }, 403],
  ])('%s', async (_, headers, status) => {
    const answer = await ask(at, chat(), {
      leg: 'ehbp',
      tamper: (sent) => ({
        ...sent,
        headers: Object.fromEntries(
          Object.entries({ ...sent.headers, ...headers }).filter(([, value]) => value !== ''),
        ),
      }),
    })
    expect(answer.status).toBe(status)
    expect(answer.plain).toContain('"code"')
  })

  test.each([
    ['expired', { expires: 1 }, 403],
    ['for another body', { enc: 'ab'.repeat(32) }, 403],
    ['for another session', { session: 'ab'.repeat(32) }, 403],
  ])('an allowance that is %s', async (_, allowance, status) => {
    const answer = await ask(at, chat(), { allowance })
    expect([answer.status, answer.receipt]).toEqual([status, undefined])
  })

  test('a body larger than the limit, before reading it', async () => {
    const answer = await ask(at, chat(), {
      tamper: (sent) => ({ ...sent, body: new Uint8Array(34 * 1024 * 1024) }),
    })
    expect(answer.status).toBe(413)
  })

  test.each(['0', '2', '1.0', 'latest'])('version %j, saying which works', async (version) => {
    for (const leg of ['cocoon', 'session'] as const) {
      const answer = await ask(at, chat(), {
        leg,
        tamper: ({ headers, body }) => ({
          headers: { ...headers, 'x-cocoon-version': version },
          body,
        }),
      })
      expect(answer.status).toBe(426)
      const problem = JSON.parse(answer.plain ?? '')
      expect(problem.code).toBe('version_unsupported')
      expect(problem.title).toMatch(/speaks x-cocoon-version 1: upgrade/)
    }
  })

  test('a head for another path (H8)', async () => {
    const answer = await ask(at, chat(), { leg: 'cocoon', headPath: '/v1/completions' })
    expect(answer.status).toBe(400)
    expect(answer.plain).toContain('head_mismatch')
  })

  test('an allowance above the caller’s own maximum (M2)', async () => {
    const answer = await ask(at, chat(), { leg: 'cocoon', maxCost: 5n })
    expect(answer.status).toBe(402)
  })

  test.each([
    ['cut at its end', (body: Uint8Array) => body.subarray(0, -20)],
    ['cut inside a frame', (body: Uint8Array) => body.subarray(0, 100)],
    [
      'followed by more',
      (body: Uint8Array) => new Uint8Array([...body, 0, 0, 0, 20, ...body.subarray(0, 20)]),
    ],
  ])('a body that is %s (M1)', async (_, change) => {
    for (const leg of ['session', 'cocoon'] as const) {
      const answer = await ask(at, chat(), {
        leg,
        tamper: (sent) => ({ ...sent, body: change(sent.body) }),
      })
      expect(answer.status).toBe(400)
    }
  })

  test('an altered body, as a stale key', async () => {
    const answer = await ask(at, chat(), {
      leg: 'cocoon',
      tamper: (sent) => ({
        ...sent,
        body: sent.body.map((byte, i) => (i === 40 ? byte ^ 1 : byte)),
      }),
    })
    expect(answer.status).toBe(422)
    expect(answer.headers.get('content-type')).toBe('application/problem+json')
    expect(answer.plain).toContain('urn:ietf:params:ehbp:error:key-config')
  })

  test.each<Leg>(['session', 'cocoon', 'ehbp'])('a replayed %s request (M4)', async (leg) => {
    const first = await ask(at, chat(), { leg })
    const again = await ask(at, chat(), { leg, tamper: () => first.sent })
    expect([first.status, again.status]).toEqual([200, 409])
  })

  test('a second body for one request and attempt (H21)', async () => {
    const first = await ask(at, chat())
    const second = await ask(at, chat(), { allowance: { request: first.request } })
    const next = await ask(at, chat(), { allowance: { request: first.request, attempt: 2 } })
    expect([second.status, next.status]).toEqual([409, 200])
    expect(next.receipt?.receipt_id).toBe(`${first.request}.2`)
  })

  test.each([
    ['GET', '/v1/chat/completions', 405],
    ['POST', '/v1/images', 404],
    ['GET', '/v1/aci/attestation?nonce=12', 400],
  ])('%s %s', async (method, path, status) => {
    const response = await fetch(`${at.url}${path}`, { method })
    expect(response.status).toBe(status)
  })
})

describe('inside the seal, the runner refuses', () => {
  const refused = [
    ['what is not JSON', 'not json', 400, 'invalid_json'],
    ['a list', '[]', 400, 'invalid_json'],
    ['n: 1e9', chat({ n: 1e9 }), 400, 'invalid_request'],
    [
      'a prompt over the context',
      chat({ messages: [{ role: 'user', content: 'long '.repeat(300) }] }),
      400,
      'context_length_exceeded',
    ],
    [
      'a remote picture (H13)',
      chat({
        messages: [
          {
            role: 'user',
            content: [{ type: 'image_url', image_url: { url: 'http://10.0.0.1/x.png' } }],
          },
        ],
      }),
      400,
      'remote_url',
    ],
  ] as const
  test.each(refused)('%s, with a receipt that costs nothing', async (_, body, status, code) => {
    const answer = await ask(at, body)
    expect(answer.status).toBe(status)
    expect(JSON.parse(answer.text ?? '').error).toMatchObject({
      code,
      type: 'invalid_request_error',
    })
    if (answer.receipt === undefined) throw new Error('no receipt')
    expect(receiptEvent(answer.receipt, 'usage.metered')).toMatchObject({
      cost: 0n,
      stop_reason: 'error',
    })
  })

  test('a model that it does not serve, when only the body names it', async () => {
    const answer = await ask(at, chat({ model: 'gpt-4' }), { leg: 'ehbp' })
    expect([answer.status, JSON.parse(answer.text ?? '').error.code]).toEqual([
      404,
      'model_not_found',
    ])
  })

  test('a prompt over the allowance, counted exactly and times n (M6)', async () => {
    const fits = await ask(at, chat(), { allowance: { max_prompt_tokens: 10 } })
    const tight = await ask(at, chat(), { allowance: { max_prompt_tokens: 9 } })
    expect([fits.status, tight.status]).toEqual([200, 400])
    expect(JSON.parse(tight.text ?? '').error.code).toBe('allowance_exceeded')
    const many = await ask(at, chat({ n: 2 }), { allowance: { max_prompt_tokens: 19 } })
    expect(JSON.parse(many.text ?? '').error.code).toBe('allowance_exceeded')
  })
})

test('an answer stops at the allowance even when more was asked for', async () => {
  const answer = await ask(at, chat({ max_tokens: 500 }), {
    allowance: { max_completion_tokens: 4 },
  })
  const body = JSON.parse(answer.text ?? '')
  expect(body.usage.completion_tokens).toBe(4)
  expect(body.choices[0].finish_reason).toBe('length')
})

test('embeddings are sealed and metered like everything else', async () => {
  const answer = await ask(
    at,
    { model: 'tiny-demo', input: 'a red ball' },
    { path: '/v1/embeddings' },
  )
  const body = JSON.parse(answer.text ?? '')
  expect(body.data[0].embedding).toHaveLength(128)
  expect(body.usage).toMatchObject({ completion_tokens: 0 })
})

test('embeddings are no stream: who asks for one is told so, in JSON', async () => {
  const body = { model: 'tiny-demo', input: 'a red ball', stream: true }
  const answer = await ask(at, body, { path: '/v1/embeddings' })
  expect(answer.status).toBe(400)
  expect(JSON.parse(answer.text ?? '').error).toMatchObject({
    code: 'unsupported_parameter',
    param: 'stream',
  })
})

test('the attestation report is under the caller’s nonce and the attested keys', async () => {
  const nonce = 'cd'.repeat(32)
  const [one, two] = await Promise.all(
    [1, 2].map(() => fetch(`${at.url}/v1/aci/attestation?nonce=${nonce}`).then((r) => r.json())),
  )
  expect(one).toEqual(two)
  expect(one.attestation.workload_keyset.subject).toContain('gpu=none&model=tiny-demo')
  expect(one.service_capabilities.engine).toContain('demo')
  const keys = await fetch(`${at.url}/.well-known/hpke-keys`)
  expect(keys.headers.get('content-type')).toBe('application/ohttp-keys')
})

test('no log line holds content', () => {
  const text = JSON.stringify(logged)
  expect(text).toContain('served')
  for (const secret of ['Who are you', 'tiny demo model', 'long long'])
    expect(text).not.toContain(secret)
})
