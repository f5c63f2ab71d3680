import { expect, test } from 'vitest'
import { slopeOf } from './slope.ts'

/** Half an hour, a reading every five seconds, of a heap that is collected once a minute. */
function sawtooth(leakPerSecond: number, step = 0) {
  return Array.from({ length: 360 }, (_, i) => {
    const seconds = i * 5
    const value = 200 + (seconds % 60) * 2 + leakPerSecond * seconds + (seconds > 900 ? step : 0)
    return { seconds, value }
  })
}

test('a heap that is collected again and again does not grow', () => {
  expect(slopeOf(sawtooth(0), 0.05)).toMatchObject({ grows: false })
})

test('a leak beneath its peaks is seen: a tenth in half an hour', () => {
  const slope = slopeOf(sawtooth(0.1), 0.05)
  expect(slope.grows).toBe(true)
  expect(slope.perHour).toBeCloseTo(360, -1)
})

test('less than what is allowed is none', () => {
  expect(slopeOf(sawtooth(0.002), 0.05).grows).toBe(false)
})

test('one step up, as of a larger table, is none', () => {
  expect(slopeOf(sawtooth(0, 30), 0.05).grows).toBe(false)
})

test('constant readings and single ones have no slope', () => {
  expect(slopeOf([{ seconds: 0, value: 5 }], 0.05)).toMatchObject({ perHour: 0, grows: false })
  const flat = [0, 1, 2, 3].map((seconds) => ({ seconds, value: 9_000 }))
  expect(slopeOf(flat, 0.05)).toMatchObject({ level: 9_000, share: 0, grows: false })
})
