import { once } from 'node:events'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { fromHex, utf8 } from '#base/bytes.ts'
import { startStream, type TestExchange } from '#gateway/testing/runner-answers.ts'
import { startTestRunner, type TestRunner } from '#gateway/testing/test-runner.ts'
import {
  ADMIN_KEY,
  COMMISSION_BPS,
  MODEL,
  PAYEE,
  startTestWorld,
  type TestWorld,
} from '#gateway/testing/world.ts'
import { sealRequest } from '#protocol'
import { nodeProvider } from '#protocol/node'
import { Payer } from '../support/account.ts'
import { auditFindings, passDeadlines, readHost, settledLate } from '../support/books.ts'
import { hostShare } from '../support/host-share.ts'
import { readStream } from '../support/read-stream.ts'
import { isSignedBy, type ReceiptDocument, usageOf } from '../support/stranger.ts'

/**
 * The settlement table's rows about receipts: duplicate, late, failover. A runner made of the protocol alone decides
 * when each receipt goes out; gateway, ledger and chain are the real ones.
 */
let world: TestWorld
let runner: TestRunner
let payer: Payer

const FUNDS = 1_000_000n
/** Of a prompt, in characters. */
const LONG = 4_000

beforeAll(async () => {
  world = await startTestWorld()
  runner = await startTestRunner(world)
}, 120_000)
afterAll(async () => {
  await runner?.close()
  await world?.close()
})
beforeEach(async () => {
  const { id, key } = await world.account(FUNDS)
  payer = new Payer(world.gateway.origin, key, id)
})
/** In every cell: nothing lost, nothing invented. */
afterEach(async () => {
  const { available, held, settled, credited } = await payer.read()
  expect(available + held + settled).toBe(credited)
  expect(await auditFindings(world.gateway.origin, ADMIN_KEY)).toEqual([])
})

const host = (payee = PAYEE) => readHost(world.gateway.origin, payee)
const shareOf = (cost: bigint) => hostShare(cost, BigInt(COMMISSION_BPS))

function body(order: readonly TestRunner[] = [runner], content = 'hi') {
  return {
    model: MODEL,
    stream: true,
    max_tokens: 100,
    messages: [{ role: 'user', content }],
    provider: { order: order.map(({ id }) => id), allow_fallbacks: false },
  }
}

/** The runner's next exchange, for a test that answers it itself. */
function nextExchange(begin: (exchange: TestExchange) => void = () => {}): Promise<TestExchange> {
  return new Promise((resolve) => {
    runner.behave((exchange) => {
      begin(exchange)
      resolve(exchange)
    })
  })
}

/** What the newest receipt in the runner's outbox says. */
function newest(from: TestRunner = runner) {
  const entry = from.outbox.at(-1)
  if (entry === undefined) throw new Error('no receipt was signed')
  // Sound: a receipt as its runner signed it.
  const receipt = entry.receipt as unknown as ReceiptDocument
  return { entry, receipt, usage: usageOf(receipt), cost: BigInt(usageOf(receipt).cost) }
}

/** Delivers one receipt, the way an outbox does. */
async function deliver(from: TestRunner, entry: TestRunner['outbox'][number]) {
  const response = await fetch(`${world.gateway.origin}/v1/receipts`, {
    method: 'POST',
    body: JSON.stringify({ runner: from.id, receipts: [entry] }),
  })
  const { results } = await response.json()
  return results as {
    receipt_id: string
    status: string
    host?: string
    refusal?: { reason: string }
    signature?: string
  }[]
}

/** A part of the answer is read; the test says when the client leaves. */
async function beginMidStream(content?: string) {
  const begun = nextExchange(startStream)
  const controller = new AbortController()
  const answer = await payer.chat(body([runner], content), controller.signal)
  await readStream(answer).until((text) => text.includes('Hello'))
  const exchange = await begun
  const leave = async (): Promise<void> => {
    const closed = once(exchange.response, 'close')
    controller.abort()
    await closed
  }
  return { exchange, leave }
}

const leavers = {
  /** The runner has the request and has answered nothing. */
  'before the first byte': async () => {
    const exchange = nextExchange()
    const leave = new AbortController()
    const answer = payer.chat(body(), leave.signal).catch(() => undefined)
    const { response, receipt } = await exchange
    const closed = once(response, 'close')
    leave.abort()
    await answer
    await closed
    receipt({ stop: 'aborted', completion: 0 })
  },
  /** The client has read a part of the answer. */
  'mid-stream': async () => {
    const { exchange, leave } = await beginMidStream()
    await leave()
    exchange.receipt({ stop: 'aborted', completion: 2 })
  },
  /** A sealed answer came whole: the gateway saw no receipt in it, so that the outbox alone brings it. */
  'after the end': async () => {
    const exchange = nextExchange((begun) => {
      begun.response.writeHead(200, { ...begun.headers, 'content-type': 'text/event-stream' })
      begun.response.write(begun.sealer.seal(utf8('data: [DONE]\n\n')))
      begun.receipt()
      begun.response.end()
    })
    const publicKey = runner.keyset.e2ee_public_keys[0]?.public_key ?? ''
    const sealed = await sealRequest(nodeProvider, {
      suite: 'ehbp-x25519',
      publicKey: fromHex(publicKey),
      body: utf8(JSON.stringify(body())),
    })
    const response = await fetch(
      `${world.gateway.origin}/runners/${runner.id}/v1/chat/completions`,
      {
        method: 'POST',
        headers: {
          ...sealed.headers,
          authorization: `Bearer ${payer.apiKey}`,
          'x-cocoon-max-tokens': '128',
        },
        body: sealed.body,
      },
    )
    expect(response.status).toBe(200)
    await response.arrayBuffer()
    await exchange
  },
} as const

const phases = Object.entries(leavers)

describe('duplicate receipt', () => {
  test.each(phases)(
    '%s: charged once however often and however concurrently it comes',
    async (_, leave) => {
      const before = await host()
      await leave()
      const { entry, cost } = newest()
      expect((await payer.read()).held).toBeGreaterThan(0n)
      const first = await Promise.all(Array.from({ length: 5 }, () => deliver(runner, entry)))
      const again = await deliver(runner, entry)
      const statuses = [...first, again].map(([result]) => result?.status)
      expect(statuses.toSorted()).toEqual([...Array(5).fill('duplicate'), 'settled'])
      expect(new Set([...first, again].map(([result]) => result?.host))).toEqual(
        new Set([shareOf(cost).toString()]),
      )
      expect(await payer.read()).toMatchObject({ available: FUNDS - cost, held: 0n, settled: cost })
      expect((await host()).earned - before.earned).toBe(shareOf(cost))
    },
  )

  test('after a restart of the gateway: still a duplicate', async () => {
    await leavers['mid-stream']()
    const { entry, cost } = newest()
    await deliver(runner, entry)
    await world.restart()
    expect(await deliver(runner, entry)).toMatchObject([{ status: 'duplicate' }])
    expect(await payer.read()).toMatchObject({ available: FUNDS - cost, held: 0n })
  })
})

describe('late receipt', () => {
  const lapse = async () => {
    passDeadlines(world.config.databasePath)
    await payer.until('the deadline', ({ held }) => held === 0n)
  }

  test.each(phases)(
    '%s: the hold was given back; charged from what is available',
    async (_, leave) => {
      const before = await host()
      await leave()
      await lapse()
      expect(await payer.read()).toMatchObject({ available: FUNDS, settled: 0n })
      const { entry, cost, usage } = newest()
      expect(await deliver(runner, entry)).toMatchObject([{ status: 'settled' }])
      expect(await deliver(runner, entry)).toMatchObject([{ status: 'duplicate' }])
      expect(settledLate(world.config.databasePath, usage.request)).toBe(true)
      expect(await payer.read()).toMatchObject({ available: FUNDS - cost, settled: cost })
      expect((await host()).earned - before.earned).toBe(shareOf(cost))
    },
  )

  test('waits in the outbox while the account cannot pay, and is charged when it can', async () => {
    // As much as one and a half requests may cost at most; most of that is the prompt.
    const long = 'x'.repeat(LONG)
    const whole = await beginMidStream(long)
    const { held } = await payer.read()
    await whole.leave()
    whole.exchange.receipt({ stop: 'aborted', prompt: LONG, completion: 2 })
    await deliver(runner, newest().entry)
    const { id, key } = await world.account((held * 3n) / 2n)
    payer = new Payer(world.gateway.origin, key, id)
    // The first one's receipt for most of its hold is late; the second holds the money meanwhile.
    const first = await beginMidStream(long)
    await first.leave()
    first.exchange.receipt({ stop: 'aborted', prompt: LONG, completion: 2 })
    const { entry: late, cost } = newest()
    await lapse()
    const second = await beginMidStream(long)
    const during = await payer.read()
    expect(await deliver(runner, late)).toEqual([])
    expect(await payer.read()).toEqual(during)
    await second.leave()
    second.exchange.receipt({ stop: 'aborted', prompt: 0, completion: 0 })
    await deliver(runner, newest().entry)
    expect(await deliver(runner, late)).toMatchObject([{ status: 'settled' }])
    expect(await payer.read()).toMatchObject({ held: 0n, settled: cost })
  })
})

describe('failover', () => {
  const OTHER_PAYEE = `0:${'33'.repeat(32)}`
  let second: TestRunner
  beforeAll(async () => {
    second = await startTestRunner(world, { payee: OTHER_PAYEE, machine: 1 })
  })
  afterAll(() => second?.close())

  test('before the first byte: the answering attempt is charged; the other’s receipt is refused, signed (H20, H21)', async () => {
    const [first, other] = [await host(), await host(OTHER_PAYEE)]
    runner.behave(({ response, receipt }) => {
      receipt({ stop: 'aborted' })
      response.destroy()
    })
    const answer = await payer.chat(body([runner, second]))
    expect(answer.status).toBe(200)
    await answer.text()
    const request = answer.headers.get('x-request-id')
    expect(answer.headers.get('x-receipt-id')).toBe(`${request}.2`)
    // Attempt 2 is charged, to its own host.
    const { cost, usage } = newest(second)
    expect(usage).toMatchObject({ request, attempt: 2 })
    expect(await payer.read()).toMatchObject({ available: FUNDS - cost, held: 0n, settled: cost })
    expect((await host(OTHER_PAYEE)).earned - other.earned).toBe(shareOf(cost))
    // Attempt 1 is void, and its host holds a signed reason (H20).
    const [refused] = await deliver(runner, newest().entry)
    expect(refused).toMatchObject({ status: 'refused', refusal: { reason: 'not_charged' } })
    const { meter_key } = await (await payer.get('/v1/till')).json()
    expect(isSignedBy(refused?.refusal, refused?.signature ?? '', meter_key)).toBe(true)
    expect((await host()).earned).toBe(first.earned)
    expect(await payer.read()).toMatchObject({ available: FUNDS - cost })
  })

  test('mid-stream: does not happen, an error event ends the stream', async () => {
    const asked = second.seen.length
    runner.behave((exchange) => {
      startStream(exchange)
      setImmediate(() => exchange.response.destroy())
    })
    const text = await (await payer.chat(body([runner, second]))).text()
    expect(text).toContain('Hello')
    expect(text).toContain('"runner_lost"')
    expect(text).not.toContain('[DONE]')
    expect(second.seen).toHaveLength(asked)
    passDeadlines(world.config.databasePath)
    await payer.until('the deadline', ({ held }) => held === 0n)
    expect(await payer.read()).toMatchObject({ available: FUNDS, settled: 0n })
  })

  test('after the end: does not happen', async () => {
    const asked = second.seen.length
    await leavers['after the end']()
    expect(second.seen).toHaveLength(asked)
    await deliver(runner, newest().entry)
  })
})
