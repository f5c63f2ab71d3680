import type { ServerResponse } from 'node:http'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import {
  answerInOrder,
  answerOverloaded,
  endStream,
  startStream,
  type TestExchange,
} from '../testing/runner-answers.ts'
import { startTestRunner, type TestRunner } from '../testing/test-runner.ts'
import { MODEL, startTestWorld, type TestAccount, type TestWorld } from '../testing/world.ts'

let world: TestWorld
let runner: TestRunner
let account: TestAccount

const FUNDS = 1_000_000n
const MAX_QUEUED = 4
const BODY = { model: MODEL, messages: [{ role: 'user', content: 'hi' }], max_tokens: 100 }

beforeAll(async () => {
  world = await startTestWorld({ queue: { requests: MAX_QUEUED, seconds: 30 } })
  runner = await startTestRunner(world, { capacity: 1 })
  account = await world.account(FUNDS)
})
afterAll(async () => {
  await runner?.close()
  await world?.close()
})
afterEach(() => runner.behave(answerInOrder))

function ask(key: string, changes: object = {}, signal?: AbortSignal): Promise<Response> {
  return fetch(`${world.gateway.origin}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}` },
    body: JSON.stringify({ ...BODY, ...changes }),
    ...(signal === undefined ? {} : { signal }),
  })
}

async function codeOf(response: Response): Promise<string> {
  // Sound: every error of the gateway has this shape.
  return ((await response.json()) as { error: { code: string } }).error.code
}

/** Waits for something that an event will make true, checked every turn. */
async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((next) => setTimeout(next, 5))
}

const queued = async (): Promise<number> => {
  const text = await (await fetch(`${world.gateway.origin}/metrics`)).text()
  return Number(/^cocoon_queue_requests (\d+)$/m.exec(text)?.[1])
}

/** Takes the runner's one place until it is told to end. */
async function occupy(): Promise<{ end: () => Promise<void> }> {
  const taken = Promise.withResolvers<TestExchange>()
  runner.behave((exchange) => {
    runner.behave(answerInOrder)
    startStream(exchange)
    taken.resolve(exchange)
  })
  const response = ask(account.key, { stream: true })
  const exchange = await taken.promise
  return {
    end: async () => {
      endStream(exchange)
      await (await response).text()
    },
  }
}

describe('when every runner is busy', () => {
  test('a request waits for a place, and nothing is held for it meanwhile', async () => {
    const other = await world.account(FUNDS)
    const busy = await occupy()
    const waiting = ask(other.key)
    await until(async () => (await queued()) === 1)
    expect(await other.balance()).toEqual({ available: FUNDS, held: 0n })
    await busy.end()
    const response = await waiting
    expect(response.status).toBe(200)
    await response.text()
  })

  test('accounts take turns: the first of one does not wait for all of another', async () => {
    const [eager, modest] = [await world.account(FUNDS), await world.account(FUNDS)]
    const order: unknown[] = []
    const busy = await occupy()
    runner.behave((exchange) => {
      order.push(JSON.parse(exchange.text).user)
      answerInOrder(exchange)
    })
    const send = async (key: string, user: string) => (await ask(key, { user })).text()
    const all = [send(eager.key, 'eager'), send(eager.key, 'eager'), send(eager.key, 'eager')]
    await until(async () => (await queued()) === 3)
    all.push(send(modest.key, 'modest'))
    await until(async () => (await queued()) === 4)
    await busy.end()
    await Promise.all(all)
    expect(order).toEqual(['eager', 'modest', 'eager', 'eager'])
  })

  test('an account without money takes no place in the queue', async () => {
    const poor = await world.account(0n)
    const busy = await occupy()
    const response = await ask(poor.key)
    expect(response.status).toBe(402)
    expect(await codeOf(response)).toBe('insufficient_credits')
    expect(await queued()).toBe(0)
    await busy.end()
  })

  test('a full queue makes room for an account that has less, and tells the other when to come back', async () => {
    const [eager, modest] = [await world.account(FUNDS), await world.account(FUNDS)]
    const busy = await occupy()
    const flood = Array.from({ length: MAX_QUEUED }, () => ask(eager.key))
    await until(async () => (await queued()) === MAX_QUEUED)
    const overflow = await ask(eager.key)
    expect(overflow.status).toBe(429)
    expect(await codeOf(overflow)).toBe('rate_limit_exceeded')
    expect(Number(overflow.headers.get('retry-after'))).toBeGreaterThan(0)
    const served = ask(modest.key)
    const evicted = await Promise.race(flood)
    expect(evicted.status).toBe(429)
    await busy.end()
    expect((await served).status).toBe(200)
    const statuses = await Promise.all(flood.map(async (each) => (await each).status))
    expect(statuses.sort()).toEqual([200, 200, 200, 429])
  })

  test('a request that has waited long enough is refused, to be tried again', async () => {
    const busy = await occupy()
    const waiting = ask(account.key)
    await until(async () => (await queued()) === 1)
    world.elapse(31)
    const response = await waiting
    expect(response.status).toBe(503)
    expect(response.headers.get('x-should-retry')).toBe('true')
    expect(await codeOf(response)).toBe('overloaded')
    await busy.end()
  })

  test('a client that leaves gives up its place in the queue', async () => {
    const busy = await occupy()
    const leave = new AbortController()
    const waiting = ask(account.key, {}, leave.signal).catch(() => 'left')
    await until(async () => (await queued()) === 1)
    leave.abort()
    expect(await waiting).toBe('left')
    await until(async () => (await queued()) === 0)
    await busy.end()
  })

  test('a burst never goes beyond a runner’s capacity', async () => {
    let atOnce = 0
    let most = 0
    runner.behave(async (exchange) => {
      most = Math.max(most, ++atOnce)
      await new Promise((next) => setTimeout(next, 5))
      atOnce--
      answerInOrder(exchange)
    })
    const burst = Array.from({ length: MAX_QUEUED + 1 }, async () =>
      (await ask(account.key)).text(),
    )
    await Promise.all(burst)
    expect(most).toBe(1)
  })
})

describe('models to fall back to', () => {
  test('the first that can be served answers, and says so', async () => {
    const response = await ask(account.key, { model: 'nobody-has-it', models: ['nor-this', MODEL] })
    expect(response.status).toBe(200)
    expect(response.headers.get('x-cocoon-model')).toBe(MODEL)
    await response.text()
  })

  test('none of them: the failure of the first', async () => {
    const response = await ask(account.key, { model: 'nobody-has-it', models: ['nor-this'] })
    expect(response.status).toBe(404)
  })

  test.each([
    [{ models: 'x' }],
    [{ models: Array.from({ length: 9 }, (_, i) => `m${i}`) }],
    [{ models: [1] }],
  ])('a bad list is refused: %j', async (changes) => {
    expect((await ask(account.key, changes)).status).toBe(400)
  })
})

describe('what the caller wants of runners', () => {
  test.each([[{ zdr: true }], [{ data_collection: 'deny' }]])(
    '%j: simulated machines prove nothing about what they keep',
    async (provider) => {
      const response = await ask(account.key, { provider })
      expect(response.status).toBe(503)
      expect(await codeOf(response)).toBe('no_runner')
    },
  )

  test.each([
    [{ sort: 'best' }, 'invalid_request'],
    [{ zdr: 'yes' }, 'invalid_request'],
    [{ data_collection: 'maybe' }, 'invalid_request'],
    [{ allow_fallbacks: 0 }, 'invalid_request'],
    [{ quantizations: ['fp8'] }, 'unsupported_parameter'],
  ])('%j is refused instead of being ignored', async (provider, code) => {
    const response = await ask(account.key, { provider })
    expect(response.status).toBe(400)
    expect(await codeOf(response)).toBe(code)
  })

  test.each([['price'], ['latency'], ['throughput']])('sort by %s', async (sort) => {
    const response = await ask(account.key, { provider: { sort } })
    expect(response.status).toBe(200)
    await response.text()
  })
})

describe('a runner that says that it is busy', () => {
  const busy = (response: ServerResponse) => {
    response.writeHead(503, { 'content-type': 'application/json' })
    response.end('{"error":{"code":"busy"}}')
  }
  const rest = () => new Promise((next) => setTimeout(next, 1_100))

  test('keeps its name, is asked nothing for a while, and then serves who waited', async () => {
    const before = await scoreOf()
    runner.refuse(busy)
    const response = await ask(account.key)
    expect(response.status).toBe(503)
    expect(response.headers.get('retry-after')).toBe('1')
    expect(response.headers.get('x-should-retry')).toBe('true')
    expect(await codeOf(response)).toBe('overloaded')
    runner.refuse(undefined)
    const waiting = ask(account.key)
    await until(async () => (await queued()) === 1)
    await rest()
    world.elapse(1)
    expect((await waiting).status).toBe(200)
    expect(await scoreOf()).toBeGreaterThanOrEqual(before)
    expect(await account.balance()).toMatchObject({ held: 0n })
  })

  test('inside the seal likewise: its engine is full', async () => {
    const before = await scoreOf()
    runner.behave(answerOverloaded)
    const response = await ask(account.key)
    expect(response.status).toBe(503)
    expect(await scoreOf()).toBe(before)
    runner.behave(answerInOrder)
    await rest()
    expect((await ask(account.key)).status).toBe(200)
  })

  test('moves its work to another', async () => {
    const other = await startTestRunner(world, { machine: 1 })
    try {
      runner.refuse(busy)
      const runners: (string | null)[] = []
      for (let i = 0; i < 6; i++) {
        const response = await ask(account.key)
        expect(response.status).toBe(200)
        runners.push(response.headers.get('x-cocoon-runner'))
        await response.text()
      }
      expect(new Set(runners)).toEqual(new Set([other.id]))
    } finally {
      runner.refuse(undefined)
      await other.close()
      await rest()
    }
  })
})

test('what the gateway saw of a machine survives its restart', async () => {
  const before = await scoreOf()
  runner.behave(({ response }) => void response.destroy())
  await (await ask(account.key)).text()
  const bad = await scoreOf()
  expect(bad).toBeLessThan(before)
  await world.restart()
  expect(await scoreOf()).toBeCloseTo(bad, 3)
})

const scoreOf = async (): Promise<number> => {
  const response = await fetch(`${world.gateway.origin}/v1/runners/${runner.id}`)
  // Sound: a 200 of this route has this shape.
  return ((await response.json()) as { performance: { success: number } }).performance.success
}
