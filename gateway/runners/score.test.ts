import { describe, expect, test } from 'vitest'
import { unixMs } from '#base/brand.ts'
import { admits, begun, breakerState } from './breaker.ts'
import {
  faded,
  newScore,
  noteFailure,
  noteFirstByte,
  noteSuccess,
  noteThroughput,
  reopened,
  type Score,
} from './score.ts'

const T0 = unixMs(1_000_000)
const later = (ms: number) => unixMs(T0 + ms)
const HOUR = 3_600_000

function times(n: number, step: (score: Score) => Score, from: Score = newScore(T0)): Score {
  let score = from
  for (let i = 0; i < n; i++) score = step(score)
  return score
}
const fail = (score: Score): Score => noteFailure(score, 'failed', T0)
const state = (score: Score, at = T0) => breakerState(score.breaker, at)

describe('observations', () => {
  test('move the means towards themselves, and change nothing in place', () => {
    const before = newScore(T0)
    const slow = times(30, (s) => noteFirstByte(s, 2_000, T0), before)
    expect(slow.firstByteMs).toBeGreaterThan(1_900)
    expect(before).toEqual(newScore(T0))
    const quick = times(30, (s) => noteThroughput(s, 1_000, 1_000, T0))
    expect(quick.tokensPerSecond).toBeGreaterThan(900)
    expect(noteThroughput(before, 3, 1, T0)).toBe(before)
  })

  test('fade: a runner that failed for long is as good as new after hours without work', () => {
    const bad = times(30, fail)
    expect(bad.success).toBeLessThan(0.01)
    expect(faded(bad, later(600_000)).success).toBeCloseTo(0.5, 1)
    expect(faded(bad, later(12 * HOUR)).success).toBeGreaterThan(0.99)
    // A clock that went back changes nothing.
    expect(faded(bad, unixMs(0)).success).toBeCloseTo(bad.success)
  })

  test('a lie costs more than a fault', () => {
    const before = newScore(T0)
    expect(noteFailure(before, 'lied', T0).success).toBeLessThan(
      noteFailure(before, 'failed', T0).success,
    )
  })
})

describe('the circuit breaker', () => {
  test('opens after five failures in a row, not after four or with a success between', () => {
    expect(state(times(4, fail))).toBe('closed')
    expect(state(times(5, fail))).toBe('open')
    const mended = noteSuccess(times(4, fail), T0)
    expect(state(times(4, fail, mended))).toBe('closed')
  })

  test('opens at once where nobody is', () => {
    expect(state(noteFailure(newScore(T0), 'absent', T0))).toBe('open')
  })

  test('is half open after its rest: one request at a time tries', () => {
    const open = times(5, fail)
    const due = later(5_000)
    expect(admits(open.breaker, later(4_999))).toBe(false)
    expect(state(open, due)).toBe('half_open')
    expect(admits(open.breaker, due)).toBe(true)
    expect(admits(begun(open.breaker, due), due)).toBe(false)
  })

  test('closes by one success; a failed try rests twice as long, up to five minutes', () => {
    let score = times(5, fail)
    expect(state(noteSuccess(score, later(5_000)), later(5_000))).toBe('closed')
    let now = T0
    const rests: number[] = []
    for (let i = 0; i < 9; i++) {
      rests.push(score.breaker.openUntil - now)
      now = score.breaker.openUntil
      score = noteFailure({ ...score, breaker: begun(score.breaker, now) }, 'failed', now)
    }
    expect(rests.slice(0, 4)).toEqual([5_000, 10_000, 20_000, 40_000])
    expect(rests.at(-1)).toBe(300_000)
  })

  test('failures of requests that were under way when it opened lengthen nothing', () => {
    const open = times(5, fail)
    expect(times(50, fail, open).breaker.openUntil).toBe(open.breaker.openUntil)
  })

  test('a new registration is asked again at once, but what it did is kept', () => {
    const back = reopened(times(9, fail))
    expect(admits(back.breaker, T0)).toBe(true)
    expect(state(back)).toBe('half_open')
    expect(back.success).toBeLessThan(0.2)
  })
})
