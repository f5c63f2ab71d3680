import { expect, test } from 'vitest'
import { unixMs } from '#base/brand.ts'
import { busier, IDLE, isBusy } from './busy.ts'

const NOW = unixMs(1_800_000_000_000)
const later = (ms: number) => unixMs(NOW + ms)

test('rests longer each time, and is not believed for ever', () => {
  let busy = IDLE
  let now = NOW
  const rests: number[] = []
  for (;;) {
    const next = busier(busy, now)
    if (next === undefined) break
    busy = next
    rests.push(busy.until - now)
    expect(isBusy(busy, now)).toBe(true)
    now = busy.until
    expect(isBusy(busy, now)).toBe(false)
  }
  expect(rests).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000])
})

test('what was under way together counts once', () => {
  const first = busier(IDLE, NOW)
  expect(first).toEqual({ times: 1, until: later(1_000) })
  expect(first && busier(first, later(999))).toEqual(first)
})
