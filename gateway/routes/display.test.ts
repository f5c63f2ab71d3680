import { expect, test } from 'vitest'
import { unixMs } from '#base/brand.ts'
import { nano, parseTon } from '#base/nano.ts'
import { openRates } from '../money/open-rates.ts'
import { readDisplay } from './display.ts'

const clock = () => unixMs(1_700_000_000_000)
const noFetch = (() => Promise.reject(new Error('asked'))) as unknown as typeof fetch

test('amounts are shown in dollars at the operator’s rate, under the configured name', async () => {
  const rates = openRates({ ticker: 'GRAM', usd: 2.5, tickers: [] }, { fetch: noFetch, clock })
  const { ticker, usd, dollars } = await readDisplay(rates)
  expect([ticker, usd]).toEqual(['GRAM', { rate: 2.5, source: 'configured', at: 1_700_000_000 }])
  expect(dollars(parseTon('3'))).toBe(7.5)
  expect(dollars(nano(1n))).toBe(2.5e-9)
})

test('without a rate no dollars are shown, and nothing is asked', async () => {
  const none = { ticker: 'TON', usd: undefined, tickers: [] }
  const { usd, dollars } = await readDisplay(openRates(none, { fetch: noFetch, clock }))
  expect([usd, dollars(parseTon('3'))]).toEqual([null, null])
})

test('tickers go before the written number; while they fail there is none', async () => {
  const tickers = [{ name: 'a', url: 'https://a.example', path: ['price'] }]
  const answers = [new Response('{"price":"4"}'), new Response('', { status: 500 })]
  let now = 1_700_000_000_000
  const fetch = (async () => answers.shift()) as unknown as typeof globalThis.fetch
  const rates = openRates({ ticker: 'TON', usd: 1, tickers }, { fetch, clock: () => unixMs(now) })
  expect((await readDisplay(rates)).dollars(parseTon('1'))).toBe(4)
  now += 16 * 60_000
  expect((await readDisplay(rates)).usd).toBeNull()
})
