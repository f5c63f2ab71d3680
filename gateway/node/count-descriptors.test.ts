import { closeSync, openSync } from 'node:fs'
import { expect, test } from 'vitest'
import { unixMs } from '#base/brand.ts'
import { descriptorCounter } from './count-descriptors.ts'

const clock = () => unixMs(0)

test.runIf(process.platform === 'linux')('every descriptor that is opened is counted', () => {
  const count = descriptorCounter(clock)
  const before = count() ?? Number.NaN
  const opened = Array.from({ length: 20 }, () => openSync('/dev/null', 'r'))
  expect(count()).toBe(before + opened.length)
  for (const descriptor of opened) closeSync(descriptor)
})

test('a kernel that tells the number is not asked for a list', () => {
  const list = () => {
    throw new RangeError('listed')
  }
  expect(descriptorCounter(clock, { size: () => 7, list })()).toBe(7)
})

test('one that does not is asked for a list once a minute', () => {
  let [now, entries, lists] = [0, 10, 0]
  const list = () => {
    lists++
    return entries
  }
  const count = descriptorCounter(() => unixMs(now), { size: () => 0, list })
  expect(count()).toBe(9)
  entries = 20
  now = 59_000
  expect([count(), lists]).toEqual([9, 1])
  now = 60_000
  expect([count(), lists]).toEqual([19, 2])
  // The clock was set back.
  now = 0
  expect([count(), lists]).toEqual([19, 3])
})

test('a system without the folder says nothing', () => {
  const missing = () => {
    throw new RangeError('ENOENT')
  }
  expect(descriptorCounter(clock, { size: missing, list: missing })()).toBeUndefined()
})
