import { expect, test } from 'vitest'
import { createWatchdog } from './watchdog.ts'

function ticks(watchdog: ReturnType<typeof createWatchdog>, n: number): void {
  for (let i = 0; i < n; i++) watchdog.tick()
}

test('cuts what was silent for its time, once', () => {
  const watchdog = createWatchdog()
  let cuts = 0
  watchdog.watch(3, () => cuts++)
  ticks(watchdog, 3)
  expect(cuts).toBe(0)
  ticks(watchdog, 10)
  expect(cuts).toBe(1)
})

test('a sign of life starts the time anew, and another silence may be expected', () => {
  const watchdog = createWatchdog()
  let cuts = 0
  const watch = watchdog.watch(3, () => cuts++)
  ticks(watchdog, 3)
  watch.alive()
  ticks(watchdog, 3)
  watch.expect(100)
  ticks(watchdog, 100)
  expect(cuts).toBe(0)
  ticks(watchdog, 1)
  expect(cuts).toBe(1)
})

test('what has ended is not cut', () => {
  const watchdog = createWatchdog()
  let cuts = 0
  watchdog.watch(1, () => cuts++).stop()
  ticks(watchdog, 10)
  expect(cuts).toBe(0)
})
