import { expect, test } from 'vitest'
import { untilStopped } from './until-stopped.ts'

test('a signal that came while a command still started stops it', async () => {
  const stop = new AbortController()
  stop.abort()
  await expect(untilStopped(stop.signal)).resolves.toBeUndefined()
})

test('a signal that comes later stops it then', async () => {
  const stop = new AbortController()
  let isOver = false
  const waiting = untilStopped(stop.signal).then(() => {
    isOver = true
  })
  await Promise.resolve()
  expect(isOver).toBe(false)
  stop.abort()
  await waiting
  expect(isOver).toBe(true)
})
