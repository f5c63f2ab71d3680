import { expect, test } from 'vitest'
import { createServedAttempts } from './served-attempts.ts'

const LIFE = 120

test('an attempt is taken once for as long as its allowance lives', () => {
  const served = createServedAttempts()
  expect(served.take('request 1', 1_000 + LIFE, 1_000)).toBe(true)
  for (let now = 1_000; now <= 1_000 + LIFE; now += 30) {
    served.take(`other at ${now}`, now + LIFE, now)
    expect(served.take('request 1', 1_000 + LIFE, now)).toBe(false)
  }
  expect(served.take('request 2', 1_000 + LIFE, 1_000)).toBe(true)
})

test('what a burst left is forgotten within minutes, by few requests', () => {
  const served = createServedAttempts()
  for (let index = 0; index < 20_000; index++) {
    served.take(`burst ${index}`, 1_000 + LIFE, 1_000)
  }
  for (let now = 1_000; now < 1_400; now += 10) served.take(`later ${now}`, now + LIFE, now)
  expect(served.size).toBeLessThan(30)
})

test('a clock that was set back forgets nothing that still lives, and sweeps on', () => {
  const served = createServedAttempts()
  served.take('before', 100_000 + LIFE, 100_000)
  for (let now = 1_000; now < 1_400; now += 10) served.take(`later ${now}`, now + LIFE, now)
  expect(served.take('before', 100_000 + LIFE, 1_400)).toBe(false)
  expect(served.size).toBeLessThan(30)
})
