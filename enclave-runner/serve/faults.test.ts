import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gzipSync } from 'node:zlib'
import { afterEach, describe, expect, test } from 'vitest'
import { receiptEvent } from '#protocol'
import type { EngineConfig, RunnerConfig } from '../config.ts'
import { readOutbox } from '../outbox/read-outbox.ts'
import type { Answer } from '../testing/ask.ts'
import { ask, payloads, prepare } from '../testing/ask.ts'
import type { Registered, TestGateway } from '../testing/test-gateway.ts'
import { startTestGateway } from '../testing/test-gateway.ts'
import { newOutboxPath, startTestRunner } from '../testing/test-runner.ts'

const sharedPath = newOutboxPath()
const closers: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

async function start(engine: EngineConfig, change: Partial<RunnerConfig> = {}) {
  const gateway = await startTestGateway()
  closers.push(() => gateway.close())
  const { runner } = await startTestRunner([gateway.origin], { engine, ...change })
  closers.push(() => runner.close(0))
  await gateway.until(() => gateway.heartbeats.length > 0)
  // Sound: `until` just saw one.
  const at = gateway.registrations[0] as Registered
  return { gateway, runner, at }
}

const scripted = (script: string): EngineConfig => ({ kind: 'scripted', script })
const chat = (more: object = {}) => ({
  model: 'tiny-demo',
  messages: [{ role: 'user', content: 'hello' }],
  ...more,
})

function usageOf(receipt: Answer['receipt']) {
  if (receipt === undefined) throw new Error('no receipt')
  return receiptEvent(receipt, 'usage.metered')
}

async function delivered(gateway: TestGateway, request: string) {
  const find = () => gateway.receipts.find(({ receipt }) => receipt.receipt_id === request)
  await gateway.until(() => find() !== undefined)
  return find()
}

describe('an engine that', () => {
  test('dies in mid-stream leaves an error event, a receipt of what came, and END', async () => {
    const { at } = await start(scripted('c9g0die4'))
    const answer = await ask(at, chat({ stream: true }))
    const events = payloads(answer.text)
    expect(events).not.toContain('[DONE]')
    expect(JSON.parse(events.at(-1) ?? '').error.code).toBe('engine_failed')
    expect(usageOf(answer.receipt)).toMatchObject({ completion_tokens: 4, stop_reason: 'error' })
  })

  test('dies before its first token costs nothing', async () => {
    const { at } = await start(scripted('c9g0die0'))
    const streamed = await ask(at, chat({ stream: true }))
    const whole = await ask(at, chat())
    expect(usageOf(streamed.receipt)).toMatchObject({ prompt_tokens: 0, cost: 0n })
    expect(usageOf(whole.receipt)).toMatchObject({ prompt_tokens: 0, cost: 0n })
    expect(whole.status).toBe(502)
  })

  test('ignores its limit is stopped at the allowance, and the answer says length', async () => {
    const { at } = await start(scripted('c99g0overrun0'))
    const answer = await ask(at, chat({ stream: true }), {
      allowance: { max_completion_tokens: 7 },
    })
    const chunks = payloads(answer.text)
    expect(chunks.at(-1)).toBe('[DONE]')
    expect(JSON.parse(chunks.at(-2) ?? '').choices[0].finish_reason).toBe('length')
    expect(usageOf(answer.receipt)).toMatchObject({ completion_tokens: 7, stop_reason: 'length' })
  })

  test('cannot be reached is a sealed 502 without a cost', async () => {
    const models = createServer((_, res) => {
      res.end('{"data":[{"id":"m","owned_by":"x","max_model_len":4096}]}')
    })
    models.listen(0, '127.0.0.1')
    await once(models, 'listening')
    // Sound: a TCP server that listens has an address object.
    const { port } = models.address() as AddressInfo
    const { at } = await start({
      kind: 'openai-url',
      url: `http://127.0.0.1:${port}`,
      apiKey: undefined,
      engineModel: undefined,
    })
    models.closeAllConnections()
    await new Promise((done) => models.close(done))
    const answer = await ask(at, chat({ stream: true }))
    expect(answer.status).toBe(502)
    expect(JSON.parse(answer.text ?? '').error.code).toMatch(/^engine_/)
    expect(usageOf(answer.receipt)).toMatchObject({ cost: 0n })
  })
})

test.each<[string, (body: Uint8Array) => Buffer]>([
  ['its own compression', (body) => gzipSync(body)],
  // By members one after the other (RFC 1952 section 2.2): unpacked, larger than any body may be.
  ['a gigabyte in a megabyte', () => manyMembers(gzipSync(Buffer.alloc(8 * 1024 * 1024)))],
])('a sealed body replaced by %s is not unpacked', async (_, replace) => {
  const { at } = await start(scripted('c3g0'))
  const answer = await ask(at, chat(), {
    tamper: ({ headers, body }) => ({
      headers: { ...headers, 'content-encoding': 'gzip' },
      body: replace(body),
    }),
  })
  // Unpacked, the first would be what was sealed, and be served.
  expect([400, 413]).toContain(answer.status)
  expect(answer.receipt).toBeUndefined()
  expect((await ask(at, chat())).status).toBe(200)
})

const manyMembers = (member: Buffer): Buffer => Buffer.concat(new Array<Buffer>(128).fill(member))

test('tokens that come fast share frames, so that frames do not show single tokens', async () => {
  const { at } = await start(scripted('c500g-1'))
  const answer = await ask(at, chat({ stream: true }))
  expect(payloads(answer.text)).toHaveLength(502)
  expect(answer.frames.length).toBeLessThan(100)
})

test('a client that leaves stops the engine, and the receipt tells what was produced', async () => {
  const { gateway, at } = await start(scripted('c5000g20'))
  const controller = new AbortController()
  const exchange = await prepare(at, chat({ stream: true }))
  const response = await fetch(`${at.url}${exchange.path}`, {
    method: 'POST',
    headers: exchange.sent.headers,
    body: new Uint8Array(exchange.sent.body),
    signal: controller.signal,
  })
  await response.body?.getReader().read()
  controller.abort()
  const found = await delivered(gateway, exchange.request)
  const usage = usageOf(found?.receipt)
  expect(usage).toMatchObject({ stop_reason: 'aborted', prompt_tokens: 9 })
  expect(usage?.completion_tokens).toBeGreaterThan(0)
  expect(usage?.completion_tokens).toBeLessThan(1000)
})

test('a client that leaves before the first token owes the prompt (M6)', async () => {
  const { gateway, at } = await start(scripted('c9g0hang0'))
  const controller = new AbortController()
  const exchange = await prepare(at, chat({ stream: true }))
  const sent = fetch(`${at.url}${exchange.path}`, {
    method: 'POST',
    headers: exchange.sent.headers,
    body: new Uint8Array(exchange.sent.body),
    signal: controller.signal,
  })
  // Headers arrive once the engine accepted.
  await sent
  controller.abort()
  const found = await delivered(gateway, exchange.request)
  expect(usageOf(found?.receipt)).toMatchObject({
    stop_reason: 'aborted',
    prompt_tokens: 9,
    completion_tokens: 0,
    cost: 9n,
  })
})

test('at its capacity the runner refuses at once, and serves again afterwards', async () => {
  const { at } = await start(scripted('c9g0hang0'), { capacity: 1 })
  const controller = new AbortController()
  const exchange = await prepare(at, chat({ stream: true }))
  const held = await fetch(`${at.url}${exchange.path}`, {
    method: 'POST',
    headers: exchange.sent.headers,
    body: new Uint8Array(exchange.sent.body),
    signal: controller.signal,
  })
  const refused = await ask(at, chat())
  expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '1'])
  controller.abort()
  await held.text().catch(() => {})
})

describe('credit (H20)', () => {
  test('a gateway that owes more than its limit is not served until it vouchers', async () => {
    const { gateway, at } = await start(scripted('c20g0'), {
      creditLimit: 60n as RunnerConfig['creditLimit'],
    })
    const first = await ask(at, chat())
    expect(usageOf(first.receipt)).toMatchObject({ cost: 69n })
    const refused = await ask(at, chat())
    expect(refused.status).toBe(503)
    expect(refused.plain).toContain('credit_exhausted')
    const { request } = at
    gateway.voucher = {
      till: `0:${'cd'.repeat(32)}`,
      payee: request.registration.payee,
      cumulative: '70',
      signature: 'ee'.repeat(64),
    }
    const seen = gateway.heartbeats.length
    await gateway.until(() => gateway.heartbeats.length > seen + 1)
    expect((await ask(at, chat())).status).toBe(200)
  })

  test('a voucher for another payee, or that does not verify, counts for nothing', async () => {
    const gateway = await startTestGateway()
    closers.push(() => gateway.close())
    const checked: string[] = []
    const { runner, lines } = await startTestRunner(
      [gateway.origin],
      { engine: scripted('c20g0'), creditLimit: 60n as RunnerConfig['creditLimit'] },
      {
        verifyVoucher: (voucher) => {
          checked.push(voucher.cumulative)
          return false
        },
      },
    )
    closers.push(() => runner.close(0))
    await gateway.until(() => gateway.heartbeats.length > 1)
    const at = gateway.registrations[0] as Registered
    await ask(at, chat())
    const voucher = { till: `0:${'cd'.repeat(32)}`, cumulative: '70', signature: 'ee'.repeat(64) }
    for (const payee of [`0:${'99'.repeat(32)}`, at.request.registration.payee]) {
      gateway.voucher = { ...voucher, payee }
      const seen = gateway.heartbeats.length
      await gateway.until(() => gateway.heartbeats.length > seen + 1)
    }
    expect(checked.every((cumulative) => cumulative === '70') && checked.length > 0).toBe(true)
    expect((await ask(at, chat())).status).toBe(503)
    expect(lines.some(({ event }) => event === 'voucher not accepted')).toBe(true)
  })
})

describe('a gateway with another meter key than at registration', () => {
  test('says so with a heartbeat, and its vouchers count and are kept, the earlier ones too', async () => {
    const gateway = await startTestGateway()
    closers.push(() => gateway.close())
    const [former, present] = ['11'.repeat(32), '22'.repeat(32)]
    const outboxPath = newOutboxPath()
    const { runner, lines } = await startTestRunner(
      [gateway.origin],
      { engine: scripted('c20g0'), outboxPath },
      { verifyVoucher: ({ signature }, meterKey) => signature === meterKey.repeat(2) },
    )
    closers.push(() => runner.close(0))
    await gateway.until(() => gateway.registrations.length > 0)
    const { payee } = (gateway.registrations[0] as Registered).request.registration
    const till = `0:${'cd'.repeat(32)}`
    const voucherOf = (meterKey: string) => {
      return { till, payee, cumulative: '70', signature: meterKey.repeat(2) }
    }
    const told = async (): Promise<void> => {
      const seen = gateway.heartbeats.length
      await gateway.until(() => gateway.heartbeats.length > seen + 1)
    }
    gateway.voucher = voucherOf(former)
    await told()
    gateway.meterKey = present
    // It has not renewed it yet.
    await told()
    gateway.voucher = voucherOf(present)
    await told()
    expect(lines.filter(({ event }) => event === 'voucher not accepted')).toEqual([])
    expect(readOutbox(outboxPath, gateway.origin).vouchers).toEqual([
      { ...voucherOf(former), meterKey: former },
      { ...voucherOf(present), meterKey: present },
    ])
  })
})

describe('receipts', () => {
  test('wait while the gateway is away and arrive once it is back', async () => {
    const { gateway, at } = await start(scripted('c5g0'))
    gateway.fail(503)
    const answer = await ask(at, chat())
    expect(gateway.receipts).toEqual([])
    gateway.fail(undefined)
    expect(await delivered(gateway, answer.request)).toMatchObject({ ref: 'YWNjb3VudA' })
  })

  test('survive the runner: a new process delivers what the old one kept', async () => {
    const { gateway, at, runner } = await start(scripted('c5g0'), { outboxPath: sharedPath })
    gateway.fail(503)
    const answer = await ask(at, chat())
    await runner.close(0)
    gateway.fail(undefined)
    const next = await startTestRunner([gateway.origin], {
      engine: scripted('c5g0'),
      outboxPath: sharedPath,
    })
    closers.push(() => next.runner.close(0))
    expect(await delivered(gateway, answer.request)).toBeDefined()
  })
})

test('closing lets a stream under way end, says so to the gateway, and takes no new request', async () => {
  const { gateway, at, runner } = await start(scripted('c30g10'))
  const answering = ask(at, chat({ stream: true }))
  const started = await prepare(at, chat({ stream: true }))
  const response = await fetch(`${at.url}${started.path}`, {
    method: 'POST',
    headers: started.sent.headers,
    body: new Uint8Array(started.sent.body),
  })
  const closing = runner.close(20_000)
  const [first, second] = await Promise.all([answering, started.read(response)])
  expect(payloads(first.text).at(-1)).toBe('[DONE]')
  expect(payloads(second.text).at(-1)).toBe('[DONE]')
  await closing
  expect(gateway.heartbeats.at(-1)?.heartbeat.capacity).toBe(0)
  await expect(fetch(`${at.url}/health`)).rejects.toThrow()
})

test('closing without patience ends a stream with an error event, a receipt and END', async () => {
  const { at, runner } = await start(scripted('c5g0hang2'))
  const started = await prepare(at, chat({ stream: true }))
  const response = await fetch(`${at.url}${started.path}`, {
    method: 'POST',
    headers: started.sent.headers,
    body: new Uint8Array(started.sent.body),
  })
  const closing = runner.close(0)
  const answer = await started.read(response)
  expect(JSON.parse(payloads(answer.text).at(-1) ?? '').error.code).toBe('engine_failed')
  expect(usageOf(answer.receipt)).toMatchObject({ completion_tokens: 2, stop_reason: 'error' })
  await closing
})
