import { Registry } from 'prom-client'
import { expect, test } from 'vitest'
import { unixMs } from '#base/brand.ts'
import type { Metrics } from '../metrics.ts'
import { createPromMetrics } from '../node/prom-metrics.ts'
import { type CountingMetrics, createCountingMetrics, KINDS } from './counting-metrics.ts'

let now = 1_000_000
const clock = () => unixMs(now)
const NOTHING = { inFlight: 0, queue: 0 }

function count(metrics: Metrics): void {
  metrics.request('/v1/chat/completions', 'plain', 'answered', 0.3)
  metrics.request('/v1/chat/completions', 'sealed', 'overloaded', 400)
  metrics.firstByte(0.01)
  metrics.queued(3)
  metrics.runnerFailed('timeout')
  const usage = { prompt_tokens: 5, cached_tokens: 1, completion_tokens: 7, reasoning_tokens: 2 }
  metrics.settled(usage, 1_234n)
  metrics.refusedReceipt('unknown_attempt')
  metrics.job('deposits', 'ok', 77)
  metrics.job('cashier', 'failed', 78)
  metrics.state({
    runners: { free: 2, full: 0, resting: 0, drained: 1, silent: 0, untrusted: 0 },
    inFlight: 0,
    queue: 0,
    registryAge: 12,
    isWritable: true,
    bodies: undefined,
    gas: 5_000,
    reserves: 'differ',
  })
}

/** Every sample of our own metrics, its labels in order. */
async function samples(metrics: Metrics): Promise<readonly string[]> {
  const { text } = await metrics.exposition()
  return text
    .split('\n')
    .filter((line) => /^cocoon_/.test(line) && KINDS[bareName(line)] !== undefined)
    .map((line) => {
      const [, name = '', labels = '', value = ''] = /^(\w+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? []
      return `${name}{${labels
        .split(/,(?=\w+=)/)
        .toSorted()
        .join()}} ${value}`
    })
    .toSorted()
}

function bareName(line: string): string {
  const name = /^\w+/.exec(line)?.[0] ?? ''
  return KINDS[name] === undefined ? name.replace(/_(?:bucket|sum|count)$/, '') : name
}

test('a Worker shows the same samples as Node, however many places counted them', async () => {
  const node = createPromMetrics(clock, new Registry())
  const market = createCountingMetrics(clock)
  const places = [createCountingMetrics(clock), createCountingMetrics(clock)]
  for (const place of places) {
    count(node)
    count(place)
  }
  places.forEach((place, i) => {
    market.merge({ place: String(i), ...place.take(), ...NOTHING })
  })
  const shown = await samples(market)
  expect(shown).toEqual(await samples(node))
  expect(shown.length).toBeGreaterThan(40)
})

test('what was told is not told again, and a restart goes on from what was kept', async () => {
  const place = createCountingMetrics(clock)
  const tell = (market: CountingMetrics) =>
    market.merge({ place: 'a', ...place.take(), ...NOTHING })
  place.runnerFailed('cut')
  const before = createCountingMetrics(clock)
  tell(before)
  tell(before)
  const after = createCountingMetrics(clock, before.sums())
  place.runnerFailed('cut')
  tell(after)
  expect(await samples(after)).toContain('cocoon_runner_failures_total{how="cut"} 2')
})

test('a place that is gone has nothing under way', async () => {
  const market = createCountingMetrics(clock)
  market.merge({ place: 'a', add: {}, set: {}, inFlight: 3, queue: 1 })
  market.merge({ place: 'b', add: {}, set: {}, inFlight: 2, queue: 0 })
  expect(await samples(market)).toContain('cocoon_requests_in_flight{} 5')
  now += 60_000
  market.merge({ place: 'b', add: {}, set: {}, inFlight: 1, queue: 0 })
  expect(await samples(market)).toContain('cocoon_requests_in_flight{} 1')
})

test('whatever labels arrive, their number is bounded', () => {
  const market = createCountingMetrics(clock)
  const add = Object.fromEntries(Array.from({ length: 50_000 }, (_, i) => [`series_${i}`, 1]))
  market.merge({ place: 'a', add, set: {}, ...NOTHING })
  expect(Object.keys(market.sums())).toHaveLength(20_000)
})
