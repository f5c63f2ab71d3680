import { expect, test } from 'vitest'
import { unixMs } from '#base/brand.ts'
import { staticRate, tickerRate } from './rates.ts'

const START = 1_700_000_000_000

function world(prices: Record<string, unknown>) {
  let now = START
  let calls = 0
  const clock = () => unixMs(now)
  const fetch = (async (url: string) => {
    calls++
    const body = prices[url]
    return body === undefined ? new Response('', { status: 503 }) : Response.json(body)
  }) as typeof globalThis.fetch
  const tickers = ['a', 'b', 'c'].map((name) => ({ name, url: name, path: ['data', '0', 'last'] }))
  return {
    source: tickerRate({ tickers, fetch, clock }),
    prices,
    calls: () => calls,
    pass: (ms: number) => {
      now += ms
    },
  }
}

const at = (last: unknown) => ({ data: [{ last }] })

test('the rate is the median of the tickers that answer with a price', async () => {
  const { source } = world({ a: at('3.1'), b: at(2.9), c: at('-1') })
  expect(await source.read()).toEqual({ usd: 3, at: START, source: 'median of 2' })
})

test('one liar among three does not move it', async () => {
  const { source } = world({ a: at(3), b: at(1_000_000), c: at(3.01) })
  expect((await source.read())?.usd).toBe(3.01)
})

test('it is asked once a minute, kept while tickers fail, and gone when it is old', async () => {
  const { source, prices, calls, pass } = world({ a: at(3), b: at(3), c: at(3) })
  await source.read()
  await source.read()
  expect(calls()).toBe(3)
  for (const name of ['a', 'b', 'c']) delete prices[name]
  pass(60_000)
  expect((await source.read())?.usd).toBe(3)
  expect(calls()).toBe(6)
  pass(14 * 60_000)
  expect(await source.read()).toBeNull()
})

test('nobody waits for a ticker that hangs while there is a rate to show, and its answer counts later', async () => {
  let now = START
  const asked: ((answer: Response) => void)[] = []
  const fetch = () => new Promise<Response>((resolve) => asked.push(resolve))
  const tickers = [{ name: 'a', url: 'a', path: ['data', '0', 'last'] }]
  const source = tickerRate({ tickers, fetch, clock: () => unixMs(now) })
  const first = source.read()
  asked.at(-1)?.(Response.json(at(3)))
  expect((await first)?.usd).toBe(3)
  now += 60_000
  expect((await source.read())?.usd).toBe(3)
  expect(asked).toHaveLength(2)
  asked.at(-1)?.(Response.json(at(4)))
  await expect.poll(async () => (await source.read())?.usd, { timeout: 10_000 }).toBe(4)
  expect(asked).toHaveLength(2)
})

test('without a source there is no rate', async () => {
  expect(await staticRate(null, () => unixMs(START)).read()).toBeNull()
})
