import { setImmediate as turn, setTimeout as wait } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { createSharedWaits } from './shared-waits.ts'

test('waits of several lengths end in their order, and not one that was taken back', async () => {
  const start = createSharedWaits(() => performance.now())
  const ended: string[] = []
  const all = Promise.withResolvers<void>()
  start(30, () => ended.push('long'))
  const takeBack = start(5, () => ended.push('taken back'))
  start(5, () => ended.push('short'))
  start(60, all.resolve)
  takeBack()
  await all.promise
  expect(ended).toEqual(['short', 'long'])
})

test('a process that is behind with them reads and writes all the same', async () => {
  // A clock that runs away: whatever begins is due at once.
  let now = 0
  const start = createSharedWaits(() => (now += 1_000))
  let isOver = false
  let ended = 0
  const again = (): void => {
    ended++
    if (!isOver) start(1, again)
  }
  for (let i = 0; i < 1_000; i++) start(1, again)
  while (ended < 1_000) await wait(1)
  for (let i = 0; i < 20; i++) {
    const before = ended
    await turn()
    expect(ended - before).toBeLessThanOrEqual(256)
  }
  isOver = true
})

test('one that begins while another of its length ends is waited for', async () => {
  const start = createSharedWaits(() => performance.now())
  const second = Promise.withResolvers<void>()
  start(2, () => start(2, second.resolve))
  await second.promise
})
