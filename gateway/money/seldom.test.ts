import { expect, test } from 'vitest'
import { unixMs } from '#base/brand.ts'
import { seldom } from './seldom.ts'

let at = 1_000_000
let reads = 0
const open = () => {
  reads = 0
  const read = async () => {
    reads++
    if (reads === 3) throw new RangeError('no answer')
    return reads
  }
  return seldom(read, { maxAgeMs: 100, clock: () => unixMs(at) })
}

test('is read again once it is too old, or when it must be of now', async () => {
  const one = open()
  expect(await one.lately()).toBe(1)
  at += 99
  expect(await one.lately()).toBe(1)
  at += 1
  expect(await one.lately()).toBe(2)
  expect(reads).toBe(2)
  await expect(one.now()).rejects.toThrow('no answer')
  expect(await one.lately()).toBe(2)
  expect(await one.now()).toBe(4)
  expect(await one.lately()).toBe(4)
})

test('a failure is not kept, and a clock that is set back makes nothing young again', async () => {
  const one = open()
  await one.now()
  await one.now()
  at -= 100
  await expect(one.lately()).rejects.toThrow('no answer')
  expect(await one.lately()).toBe(4)
})
