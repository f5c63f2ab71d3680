import { expect, test } from 'vitest'
import { unixMs } from '#base/brand.ts'
import { newJourney } from '../inference/journey.ts'
import { randomBytes } from '../testing/world.ts'
import { spansOf } from './spans.ts'

const TRIES = 2_000
/** By its end an old sampler kept every trace of this id. */
const CHOSEN = '0000000000000000000000010000'.padEnd(32, '0')

test.each([
  ['chosen by a client', `00-${CHOSEN}-${'cd'.repeat(8)}-01`, CHOSEN],
  ['of nobody', undefined, undefined],
])('a trace id %s says nothing about whether a request is sampled', (_, parent, traceId) => {
  const source = { random: randomBytes, now: { wall: unixMs(1_000), timer: 0 }, ratio: 0.1 }
  const ended = {
    ...{
      request: 'req',
      path: '/v1/chat/completions',
      kind: 'plain' as const,
      outcome: 'answered',
    },
    ...{ journey: newJourney(0), ended: 1, parent },
  }
  const kept = Array.from({ length: TRIES }, () => spansOf(ended, source)).filter(
    (spans) => spans.length > 0,
  )
  // A tenth of 2,000, within fifteen standard deviations.
  expect(kept.length).toBeGreaterThan(0)
  expect(kept.length).toBeLessThan(TRIES * 0.2)
  if (traceId !== undefined) expect(kept[0]?.[0]?.traceId).toBe(traceId)
})
