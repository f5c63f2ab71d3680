import { expect, test } from 'vitest'
import { unixMs } from '#base/brand.ts'
import type { RegistrySnapshot } from '#contracts'
import { createAllowlistSource } from './allowlist-source.ts'

const DAY_MS = 86_400_000

function open() {
  let [now, readings] = [unixMs(1_800_000_000_000), 0]
  // Sound: an allowlist is made of these three kinds.
  const entries = { image: new Map(), model: new Map(), platform: new Map() }
  const registry = { version: 1, entries } as unknown as RegistrySnapshot
  const source = createAllowlistSource({
    readRegistry: async () => {
      readings++
      return registry
    },
    floor: { get: () => 0, put: () => {} },
    denials: [],
    clock: () => now,
    log: () => {},
  })
  return {
    source,
    readings: () => readings,
    pass: (ms: number) => {
      now = unixMs(now + ms)
    },
  }
}

test('a reading serves for five minutes', async () => {
  const { source, readings, pass } = open()
  for (const ms of [0, 100_000, 200_000]) {
    pass(ms)
    await source.current()
  }
  expect(readings()).toBe(1)
  pass(1_000)
  await source.current()
  expect(readings()).toBe(2)
})

test('is read again when the clock was set back: verdicts by a list of the future are refused', async () => {
  const { source, readings, pass } = open()
  const { readAt } = await source.current()
  for (const ms of [-2_000, -DAY_MS]) {
    pass(ms)
    expect((await source.current()).readAt).toBeLessThan(readAt)
  }
  expect(readings()).toBe(3)
})
