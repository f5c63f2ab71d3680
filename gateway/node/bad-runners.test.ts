import { connect } from 'node:net'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { utf8 } from '#base/bytes.ts'
import { jsonFrameBeforeReceipt, jsonReceiptFrame } from '#protocol'
import {
  answerInOrder,
  CHUNKS,
  COMPLETION,
  startStream,
  type TestExchange,
} from '../testing/runner-answers.ts'
import { MODEL, PAYEE, type TestAccount } from '../testing/world.ts'
import { useGateway } from './testing/key-calls.ts'

/** A runner that stalls, lies, sends garbage or never ends: cut, told, not paid for it, and trusted less. */
const at = useGateway()
let account: TestAccount
let before: number

const FUNDS = 1_000_000n
const STREAM = {
  model: MODEL,
  messages: [{ role: 'user', content: 'hi' }],
  max_tokens: 1_000,
  stream: true,
}

beforeEach(async () => {
  account = await at.world.account(FUNDS)
  before = await success()
})
afterEach(async () => {
  at.runner.behave(answerInOrder)
  await (await ask()).text()
})

function ask(changes: object = {}): Promise<Response> {
  return fetch(`${at.world.gateway.origin}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${account.key}` },
    body: JSON.stringify({ ...STREAM, ...changes }),
  })
}

/** The same as bytes on a socket: no client makes sense of half an event. */
async function askRaw(): Promise<string> {
  const { hostname, port } = new URL(at.world.gateway.origin)
  const body = JSON.stringify(STREAM)
  const socket = connect(Number(port), hostname)
  socket.write(
    `POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nconnection: close\r\n` +
      `authorization: Bearer ${account.key}\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
  )
  let text = ''
  for await (const chunk of socket) text += chunk
  return text
}

/** A stream that has begun and stands still, from both sides. */
async function beginStream(): Promise<{ response: Response; exchange: TestExchange }> {
  const begun = Promise.withResolvers<TestExchange>()
  at.runner.behave((exchange) => {
    startStream(exchange)
    begun.resolve(exchange)
  })
  const response = await ask()
  return { response, exchange: await begun.promise }
}

async function success(): Promise<number> {
  const response = await fetch(`${at.world.gateway.origin}/v1/runners/${at.runner.id}`)
  // Sound: a 200 of this route has this shape.
  return ((await response.json()) as { performance: { success: number } }).performance.success
}

const errorIn = (text: string): string | undefined => /"code":"([a-z_]+)"\}\}\n\n$/.exec(text)?.[1]
const UNCHARGED = { available: FUNDS, held: 0n }

/** Delivers what the runner signed last, after its connection was cut. */
async function deliverLast(): Promise<string | undefined> {
  return (await at.runner.deliver()).results.at(-1)?.status
}

describe('a runner that stalls', () => {
  test('before its first byte: a time-out, and nothing is charged', async () => {
    const asked = Promise.withResolvers<void>()
    at.runner.behave(() => asked.resolve())
    const response = ask()
    await asked.promise
    at.world.elapse(601)
    expect((await response).status).toBe(504)
    expect(await account.balance()).toEqual(UNCHARGED)
    expect(await success()).toBeLessThan(before)
  })

  test('in the middle: an error event, and what came until then is charged by its receipt', async () => {
    const { response, exchange } = await beginStream()
    at.world.elapse(61)
    const text = await response.text()
    expect(text.startsWith(CHUNKS.join(''))).toBe(true)
    expect(errorIn(text)).toBe('runner_timeout')
    expect(await success()).toBeLessThan(before)
    exchange.receipt({ completion: 2, stop: 'aborted' })
    expect(await deliverLast()).toBe('settled')
    expect(await account.balance()).toEqual({ available: FUNDS - 16n, held: 0n })
  })

  test('and then claims more tokens than the client got bytes: nothing is charged', async () => {
    const { response, exchange } = await beginStream()
    at.world.elapse(61)
    await response.text()
    const cut = await success()
    exchange.receipt({ completion: 999, stop: 'aborted' })
    expect(await deliverLast()).toBe('refused')
    expect(await account.balance()).toEqual(UNCHARGED)
    expect(await success()).toBeLessThan(cut)
  })
})

describe('a runner that sends garbage in the middle', () => {
  test.each<[string, (exchange: TestExchange) => void]>([
    [
      'a frame that does not open',
      ({ response }) => {
        response.write(Buffer.concat([Buffer.from([0, 0, 0, 32]), Buffer.alloc(32)]))
      },
    ],
    [
      'a frame of four gigabytes',
      ({ response }) => {
        response.write(Buffer.alloc(64, 0xff))
      },
    ],
  ])('%s: an error event, and no receipt of it is taken', async (_, spoil) => {
    at.runner.behave((exchange) => {
      startStream(exchange)
      exchange.receipt({ completion: 2 })
      exchange.response.write(Buffer.alloc(0), () => setImmediate(() => spoil(exchange)))
    })
    const text = await (await ask()).text()
    expect(errorIn(text)).toBe('runner_misbehaved')
    expect(await account.balance()).toEqual(UNCHARGED)
    expect(await deliverLast()).toBe('refused')
    expect(await account.balance()).toEqual(UNCHARGED)
    expect(await success()).toBeLessThan(before)
  })

  test('in the middle of an event: the error is an event of its own', async () => {
    at.runner.behave(({ response, headers, sealer }) => {
      response.writeHead(200, { ...headers, 'content-type': 'text/event-stream' })
      response.write(sealer.seal(utf8('data: {"half')), () =>
        setImmediate(() => response.destroy()),
      )
    })
    expect(await askRaw()).toContain('data: {"half\r\n2\r\n\n\n\r\n')
  })
})

describe('a runner that never ends', () => {
  test('by bytes: cut at what no answer within the allowance can have', async () => {
    const cut = Promise.withResolvers<void>()
    const event = utf8(`${CHUNKS[0]}: ${'x'.repeat(60_000)}\n\n`)
    at.runner.behave(({ response, headers, sealer, receipt }) => {
      response.on('close', () => {
        receipt({ completion: 1 })
        cut.resolve()
      })
      response.writeHead(200, { ...headers, 'content-type': 'text/event-stream' })
      const more = (): void => {
        while (!response.destroyed && response.write(sealer.seal(event)));
      }
      response.on('drain', more)
      more()
    })
    const text = await (await ask({ max_tokens: 1 })).text()
    await cut.promise
    expect(errorIn(text)).toBe('runner_misbehaved')
    expect(text.length).toBeLessThan(2 * 1024 * 1024)
    expect(await deliverLast()).toBe('refused')
    expect(await account.balance()).toEqual(UNCHARGED)
    expect(await success()).toBeLessThan(before)
  })

  test('by comments alone: a sign of life is no work', async () => {
    const { response, exchange } = await beginStream()
    const { response: runnerSide, sealer } = exchange
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader()
    if (reader === undefined) throw new TypeError('no body')
    let text = ''
    const readUntil = async (part: string): Promise<void> => {
      while (!text.includes(part)) text += (await reader.read()).value ?? ''
    }
    for (let i = 0; i < 15; i++) {
      runnerSide.write(sealer.seal(utf8(`: still here ${i};\n\n`)))
      await readUntil(`${i};`)
      at.world.elapse(41)
    }
    await readUntil('"error"')
    expect(errorIn(text)).toBe('runner_misbehaved')
    expect(await account.balance()).toEqual(UNCHARGED)
    expect(await success()).toBeLessThan(before)
  })
})

describe('a runner that lies about usage', () => {
  test.each([
    ['more prompt tokens than the body can have', { prompt: 900, completion: 1 }],
    ['more completion tokens than were allowed', { prompt: 1, completion: 1_001 }],
  ])('%s: not charged, and trusted less', async (_, usage) => {
    at.runner.behave(({ response, headers, sealer, receipt }) => {
      response.writeHead(200, { ...headers, 'content-type': 'application/json' })
      response.write(sealer.seal(jsonFrameBeforeReceipt(utf8(JSON.stringify(COMPLETION)))))
      response.write(sealer.seal(jsonReceiptFrame(receipt(usage))))
      response.end(sealer.end())
    })
    expect((await ask({ stream: false })).status).toBe(200)
    expect(await account.balance()).toEqual(UNCHARGED)
    expect(await deliverLast()).toBe('refused')
    expect(await account.balance()).toEqual(UNCHARGED)
    expect(await success()).toBeLessThan(before)
  })

  test('nobody else can lower its name with receipts that it did not sign', async () => {
    const receipt = { receipt_id: 'req_1', key_id: 'receipt-1', signature: '00'.repeat(64) }
    await fetch(`${at.world.gateway.origin}/v1/receipts`, {
      method: 'POST',
      body: JSON.stringify({ runner: at.runner.id, receipts: [{ receipt, ref: 'AAAA' }] }),
    })
    expect(await success()).toBeGreaterThanOrEqual(before)
  })
})

test('what came to nothing is counted by its reason, for its host to see', async () => {
  const rejected = async (): Promise<readonly string[]> => {
    const response = await fetch(`${at.world.gateway.origin}/v1/hosts/${PAYEE}`)
    // Sound: a 200 of this route has this shape.
    const host = (await response.json()) as {
      runners: { track_record: { day: { requests: { rejected: object } } } }[]
    }
    return host.runners.flatMap((one) => Object.keys(one.track_record.day.requests.rejected)).sort()
  }
  // All of them are of the tests above.
  await expect
    .poll(rejected, { timeout: 60_000, interval: 500 })
    .toEqual(expect.arrayContaining(['endless', 'not_authentic', 'receipt_refused', 'timeout']))
})
