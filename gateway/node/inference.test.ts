import { createServer, request as httpRequest } from 'node:http'
import { connect } from 'node:net'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { utf8 } from '#base/bytes.ts'
import { jsonFrameBeforeReceipt, jsonReceiptFrame } from '#protocol'
import { generateSigner } from '#protocol/node'
import { answerInOrder, CHUNKS, COMPLETION, startStream } from '../testing/runner-answers.ts'
import { startTestRunner, type TestRunner } from '../testing/test-runner.ts'
import { MODEL, startTestWorld, type TestAccount, type TestWorld } from '../testing/world.ts'

let world: TestWorld
let first: TestRunner
let second: TestRunner
let account: TestAccount

const FUNDS = 1_000_000n
/** 10 prompt and 5 completion tokens at the developer's prices (1111112 and 2222223), rounded up once. */
const COST = 23n
const BODY = { model: MODEL, messages: [{ role: 'user', content: 'hi' }], max_tokens: 100 }
const STREAM = { ...BODY, stream: true }

beforeAll(async () => {
  world = await startTestWorld()
  first = await startTestRunner(world, { machine: 0 })
  second = await startTestRunner(world, { machine: 1 })
})
afterAll(async () => {
  await first?.close()
  await second?.close()
  await world?.close()
})
afterEach(() => {
  for (const runner of [first, second]) {
    runner.behave(answerInOrder)
    runner.refuse(undefined)
  }
})

function ask(key: string, body: unknown = BODY, path = '/v1/chat/completions'): Promise<Response> {
  return fetch(world.gateway.origin + path, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}` },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  })
}

/** Only this runner may be picked. */
const at = (runner: TestRunner, body: object = BODY): object => {
  return { ...body, provider: { only: [runner.id] } }
}
/** This runner first, then any. */
const startingAt = (runner: TestRunner, body: object = BODY): object => {
  return { ...body, provider: { order: [runner.id] } }
}

async function errorOf(response: Response): Promise<{ code: string; [member: string]: unknown }> {
  // Sound: every error of the gateway has this shape.
  const body = (await response.json()) as { error: { code: string } }
  return body.error
}

describe('a plain client', () => {
  test('gets the runner’s JSON unchanged and pays what the receipt says', async () => {
    account = await world.account(FUNDS)
    const response = await ask(account.key)
    const body = JSON.parse(await response.text())
    expect(response.status).toBe(200)
    expect(body).toMatchObject(COMPLETION)
    expect(body.cocoon_receipt.receipt_id).toBe(response.headers.get('x-receipt-id'))
    expect(response.headers.get('x-cocoon-confidentiality')).toBe('gateway')
    expect(response.headers.get('x-cocoon-attestation')).toBe('simulated')
    expect(await account.balance()).toEqual({ available: FUNDS - COST, held: 0n })
  })

  test('gets the runner’s stream unchanged, receipt and all', async () => {
    account = await world.account(FUNDS)
    const response = await ask(account.key, STREAM)
    const text = await response.text()
    expect(response.headers.get('content-type')).toBe('text/event-stream; charset=utf-8')
    expect(text.startsWith(CHUNKS.join(''))).toBe(true)
    expect(text).toContain('data: [DONE]\n\n: cocoon-receipt ')
    expect(await account.balance()).toEqual({ available: FUNDS - COST, held: 0n })
  })

  test('reads its own receipt, and nobody else does', async () => {
    account = await world.account(FUNDS)
    const response = await ask(account.key)
    const { cocoon_receipt } = JSON.parse(await response.text())
    const url = `${world.gateway.origin}/v1/aci/receipts/${cocoon_receipt.receipt_id}`
    await account.balance()
    const own = await fetch(url, { headers: { authorization: `Bearer ${account.key}` } })
    expect(await own.json()).toEqual(cocoon_receipt)
    const stranger = await world.account(1n)
    const other = await fetch(url, { headers: { authorization: `Bearer ${stranger.key}` } })
    expect(other.status).toBe(404)
    expect((await fetch(url)).status).toBe(401)
  })

  test.each(['/chat/completions', '/v1/chat/completions/', '/chat/completions/'])(
    'may configure its base URL so that it asks %s',
    async (path) => {
      account = await world.account(FUNDS)
      expect((await ask(account.key, BODY, path)).status).toBe(200)
    },
  )

  test('seals to the runner: its host sees neither key nor text', async () => {
    account = await world.account(FUNDS)
    let wire = ''
    first.behave((exchange) => {
      wire = JSON.stringify(exchange.request.headers)
      answerInOrder(exchange)
    })
    await ask(account.key, at(first, { ...BODY, user: 'a secret word' }))
    expect(wire).not.toContain(account.key)
    expect(wire).not.toContain(account.id)
    expect(wire).toContain('x-cocoon-allowance')
  })
})

describe('what is refused costs nothing and reaches no runner', () => {
  const seen = (): number => first.seen.length + second.seen.length

  test('an empty account: 402 with the top-up link', async () => {
    account = await world.account(10n)
    const before = seen()
    const response = await ask(account.key)
    expect(response.status).toBe(402)
    expect(response.headers.get('x-should-retry')).toBe('false')
    const error = await errorOf(response)
    expect(error).toMatchObject({ code: 'insufficient_credits', type: 'insufficient_quota' })
    expect(error['top_up_url']).toContain(account.id)
    expect(seen()).toBe(before)
    expect(await account.balance()).toEqual({ available: 10n, held: 0n })
  })

  test.each([
    ['not JSON', '{', 400, 'invalid_json'],
    ['not an object', '[]', 400, 'invalid_json'],
    ['not UTF-8', '\ud800', 404, 'model_not_found'],
    ['no model', {}, 400, 'invalid_request'],
    ['an unknown model', { ...BODY, model: 'x' }, 404, 'model_not_found'],
    ['n of a billion', { ...BODY, n: 1e9 }, 400, 'invalid_request'],
    ['max_tokens below one', { ...BODY, max_tokens: 0 }, 400, 'invalid_request'],
    ['stream that is no boolean', { ...BODY, stream: 'yes' }, 400, 'invalid_request'],
    [
      'a price ceiling of nothing',
      { ...BODY, provider: { max_price: { prompt: 0 } } },
      400,
      'price_ceiling',
    ],
    [
      'a price ceiling in a number that JavaScript writes as 1e-8',
      { ...BODY, provider: { max_price: { prompt: 0.000_000_01 } } },
      400,
      'price_ceiling',
    ],
    ['a list that names nobody', { ...BODY, provider: { only: [] } }, 503, 'no_runner'],
  ])('%s', async (_, body, status, code) => {
    account = await world.account(FUNDS)
    const before = seen()
    const sent = body === '\ud800' ? '{"model":"\ufffd"}' : body
    const response = await ask(account.key, sent)
    expect({ status: response.status, code: (await errorOf(response)).code }).toEqual({
      status,
      code,
    })
    expect(seen()).toBe(before)
    expect((await account.balance()).available).toBe(FUNDS)
  })

  test.each([
    ['no key', {}],
    ['a key of nobody', { authorization: 'Bearer sk-coc-nobody' }],
    ['a key without Bearer', { authorization: 'sk-coc-nobody' }],
  ])('%s: 401', async (_, headers) => {
    const response = await fetch(`${world.gateway.origin}/v1/chat/completions`, {
      method: 'POST',
      headers,
      body: JSON.stringify(BODY),
    })
    expect(response.status).toBe(401)
    expect((await errorOf(response)).code).toBe('invalid_api_key')
  })

  test('a body above the limit, announced or not', async () => {
    account = await world.account(FUNDS)
    const large = 'x'.repeat(world.config.maxBodyBytes + 1)
    expect((await ask(account.key, large)).status).toBe(413)
    const status = await new Promise<number | undefined>((resolve, reject) => {
      const request = httpRequest(
        `${world.gateway.origin}/v1/chat/completions`,
        { method: 'POST', headers: { authorization: `Bearer ${account.key}` } },
        (response) => resolve(response.statusCode),
      )
      request.on('error', reject)
      request.write(large)
    })
    expect(status).toBe(413)
  })
})

describe('before the first byte another runner answers silently', () => {
  test.each<[string, (runner: TestRunner) => void]>([
    ['breaks the connection', (r) => r.behave(({ response }) => void response.destroy())],
    ['refuses outside the seal', (r) => r.refuse((response) => void response.writeHead(503).end())],
    [
      'answers without sealing',
      (r) => r.refuse((response) => void response.writeHead(200).end('{}')),
    ],
    [
      'sends a frame that is not authentic',
      (r) =>
        r.behave(({ response, headers }) => {
          response.writeHead(200, { ...headers, 'content-type': 'text/event-stream' })
          response.end(Buffer.concat([Buffer.from([0, 0, 0, 32]), Buffer.alloc(32)]))
        }),
    ],
    [
      'seals a 502',
      (r) =>
        r.behave(({ response, headers, sealer, receipt }) => {
          response.writeHead(502, { ...headers, 'content-type': 'application/json' })
          response.write(
            sealer.seal(jsonFrameBeforeReceipt(utf8('{"error":{"code":"engine_failed"}}'))),
          )
          const last = receipt({ prompt: 0, completion: 0, stop: 'error' })
          response.write(sealer.seal(jsonReceiptFrame(last)))
          response.end(sealer.end())
        }),
    ],
    [
      'cuts a JSON answer in the middle',
      (r) =>
        r.behave(({ response, headers, sealer }) => {
          response.writeHead(200, { ...headers, 'content-type': 'application/json' })
          response.write(sealer.seal(jsonFrameBeforeReceipt(utf8(JSON.stringify(COMPLETION)))))
          response.destroy()
        }),
    ],
  ])('one that %s', async (_, misbehave) => {
    account = await world.account(FUNDS)
    misbehave(first)
    const response = await ask(account.key, startingAt(first))
    expect(response.status).toBe(200)
    expect(response.headers.get('x-cocoon-runner')).toBe(second.id)
    expect(response.headers.get('x-receipt-id')).toMatch(/\.2$/)
    await response.text()
    expect(await account.balance()).toEqual({ available: FUNDS - COST, held: 0n })
    // Its circuit closes again.
    first.behave(answerInOrder)
    first.refuse(undefined)
    await (await ask(account.key, at(first))).text()
  })

  test('nothing is charged for the attempt that failed, whatever receipt comes for it', async () => {
    account = await world.account(FUNDS)
    first.behave((exchange) => {
      exchange.receipt()
      exchange.response.destroy()
    })
    const response = await ask(account.key, startingAt(first))
    await response.text()
    const { results } = await first.deliver()
    expect(results.at(-1)).toMatchObject({ status: 'refused' })
    expect((await account.balance()).available).toBe(FUNDS - COST)
  })

  test('when nobody is left the client is told, and keeps its money', async () => {
    account = await world.account(FUNDS)
    for (const runner of [first, second])
      runner.refuse((response) => void response.writeHead(503).end())
    const response = await ask(account.key)
    expect(response.status).toBe(502)
    expect((await errorOf(response)).code).toBe('runner_unreachable')
    expect(await account.balance()).toEqual({ available: FUNDS, held: 0n })
  })

  test('a runner that forgot the session context gets a new one', async () => {
    account = await world.account(FUNDS)
    let refusals = 0
    first.refuse((response) => {
      refusals++
      first.refuse(undefined)
      response.writeHead(409, { 'content-type': 'application/problem+json' })
      response.end(JSON.stringify({ code: 'session_gone' }))
    })
    const response = await ask(account.key, at(first))
    expect(response.status).toBe(200)
    expect(refusals).toBe(1)
    expect(response.headers.get('x-cocoon-runner')).toBe(first.id)
  })
})

test('a receipt that overtakes its answer waits, and is refused when the answer never comes', async () => {
  account = await world.account(FUNDS)
  const early: string[] = []
  first.behave(async ({ response, receipt }) => {
    const { receipt_id } = receipt()
    const { results } = await first.deliver()
    early.push(...results.flatMap((one) => (one.receipt_id === receipt_id ? [one.status] : [])))
    response.destroy()
  })
  const response = await ask(account.key, at(first))
  expect((await errorOf(response)).code).toBe('runner_unreachable')
  // Asked twice: what broke may have been an idle connection.
  expect(early).toEqual([])
  expect((await first.deliver()).results.at(-1)).toMatchObject({ status: 'refused' })
  expect(await account.balance()).toEqual({ available: FUNDS, held: 0n })
})

describe('after the first byte', () => {
  test('a lost runner leaves an error event, and the hold waits for its receipt', async () => {
    account = await world.account(FUNDS)
    first.behave((exchange) => {
      startStream(exchange)
      exchange.receipt({ completion: 2, stop: 'error' })
      exchange.response.write(Buffer.alloc(0), () =>
        setImmediate(() => exchange.response.destroy()),
      )
    })
    const text = await (await ask(account.key, at(first, STREAM))).text()
    expect(text.startsWith(CHUNKS.join(''))).toBe(true)
    expect(text).toMatch(/data: \{"error":\{[^\n]*"code":"runner_lost"\}\}\n\n$/)
    expect((await account.balance()).held).toBeGreaterThan(0n)
    const { results } = await first.deliver()
    expect(results.at(-1)).toMatchObject({ status: 'settled' })
    expect(await account.balance()).toEqual({ available: FUNDS - 16n, held: 0n })
  })

  test('a stream that ends without its END is a lost runner, not an answer', async () => {
    account = await world.account(FUNDS)
    first.behave((exchange) => {
      startStream(exchange)
      exchange.response.end()
    })
    const text = await (await ask(account.key, at(first, STREAM))).text()
    expect(text).toContain('"code":"runner_lost"')
  })

  test('a client that leaves ends the work, and pays for what its receipt says', async () => {
    account = await world.account(FUNDS)
    const aborted = Promise.withResolvers<void>()
    first.behave((exchange) => {
      startStream(exchange)
      exchange.response.on('close', () => {
        exchange.receipt({ completion: 2, stop: 'aborted' })
        aborted.resolve()
      })
    })
    const leave = new AbortController()
    const response = await fetch(`${world.gateway.origin}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${account.key}` },
      body: JSON.stringify(at(first, STREAM)),
      signal: leave.signal,
    })
    await response.body?.getReader().read()
    leave.abort()
    await aborted.promise
    expect((await first.deliver()).results.at(-1)).toMatchObject({ status: 'settled' })
    expect(await account.balance()).toEqual({ available: FUNDS - 16n, held: 0n })
  })

  test('a slow client holds the runner back instead of filling the gateway', async () => {
    account = await world.account(FUNDS)
    const event = utf8(`data: ${JSON.stringify({ choices: [], pad: 'x'.repeat(60_000) })}\n\n`)
    const stalled = Promise.withResolvers<number>()
    first.behave(async ({ response, headers, sealer }) => {
      response.writeHead(200, { ...headers, 'content-type': 'text/event-stream' })
      let sent = 0
      while (response.write(sealer.seal(event)) || (await drained(response))) sent += event.length
      stalled.resolve(sent)
      response.destroy()
    })
    const url = new URL(world.gateway.origin)
    const body = JSON.stringify(at(first, STREAM))
    const socket = connect(Number(url.port), url.hostname)
    socket.write(
      `POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${account.key}\r\n` +
        `content-length: ${body.length}\r\n\r\n${body}`,
    )
    // Never read: the kernel's buffers fill, then the gateway must stop taking more.
    socket.pause()
    const sent = await stalled.promise
    socket.destroy()
    expect(sent).toBeLessThan(64 * 1024 * 1024)
  })
})

/** Whether the response drains within two seconds. */
function drained(response: import('node:http').ServerResponse): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(false), 2_000)
    response.once('drain', () => {
      clearTimeout(timer)
      resolve(true)
    })
  })
}

describe('a receipt that lies is not charged', () => {
  test.each([
    ['signed by another key', { signer: generateSigner('receipt-1') }],
    ['above the allowance', { completion: 5_000 }],
    ['for another wallet', { payee: `0:${'99'.repeat(32)}` }],
    ['about other bytes than were sent', { responseHash: `sha256:${'99'.repeat(32)}` }],
  ])('%s', async (_, changes) => {
    account = await world.account(FUNDS)
    first.behave(({ response, headers, sealer, receipt }) => {
      response.writeHead(200, { ...headers, 'content-type': 'application/json' })
      response.write(sealer.seal(jsonFrameBeforeReceipt(utf8(JSON.stringify(COMPLETION)))))
      response.write(sealer.seal(jsonReceiptFrame(receipt(changes))))
      response.end(sealer.end())
    })
    expect((await ask(account.key, at(first))).status).toBe(200)
    expect(await account.balance()).toEqual({ available: FUNDS, held: 0n })
    expect((await first.deliver()).results.at(-1)).toMatchObject({ status: 'refused' })
    expect((await account.balance()).available).toBe(FUNDS)
  })
})

test('a port where nobody listens is passed over at once', async () => {
  account = await world.account(FUNDS)
  const closed = createServer()
  await new Promise<void>((resolve) => closed.listen(0, '127.0.0.1', resolve))
  await first.close()
  const response = await ask(account.key, startingAt(first))
  expect(response.headers.get('x-cocoon-runner')).toBe(second.id)
  closed.close()
})
