import { expect, test } from 'vitest'
import { unixMs } from '#base/brand.ts'
import { doneLater, madeOnce } from './unshared.ts'

/** As of a request that its client left. */
const cutOff = new Promise<never>(() => {})

test('what one request began and was cut off is made by the next, once for all', async () => {
  let makings = 0
  const get = madeOnce(() => (++makings === 1 ? cutOff : Promise.resolve(`made by ${makings}`)))
  void get()
  expect(await get()).toBe('made by 2')
  expect(await get()).toBe('made by 2')
  expect(makings).toBe(2)
})

test('what failed is tried again', async () => {
  let makings = 0
  const get = madeOnce(async () => {
    if (++makings === 1) throw new Error('away')
    return 'made'
  })
  await expect(get()).rejects.toThrow('away')
  expect(await get()).toBe('made')
})

test('of many calls one does the work, and the next when that one was cut off', async () => {
  let [now, done, waits] = [0, 0, 0]
  const later = doneLater(
    async () => {
      done++
    },
    5_000,
    {
      clock: () => unixMs(now),
      wait: () => (++waits === 1 ? cutOff : Promise.resolve()),
    },
  )
  void later()
  await later()
  now = 9_999
  await later()
  expect([waits, done]).toEqual([1, 0])
  now = 10_000
  await later()
  await later()
  expect([waits, done]).toEqual([3, 2])
})
