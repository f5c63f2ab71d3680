import { expect, test } from 'vitest'
import { unixMs } from '#base/brand.ts'
import { createAlarmJobs } from './alarm-jobs.ts'

const HOUR = 3_600_000

test('a job of the day that failed is tried again within the hour, and one that did not a day later', async () => {
  let now = 1_000_000
  const [runs, kept]: [number[], Map<string, unknown>] = [[], new Map()]
  // Sound: these are the members that are used.
  const storage = {
    getAlarm: async () => null,
    setAlarm: async () => undefined,
    kv: {
      get: (key: string) => kept.get(key),
      put: (key: string, value: unknown) => kept.set(key, value),
    },
  } as unknown as Parameters<typeof createAlarmJobs>[0]
  const run = async () => {
    runs.push(now)
    if (runs.length === 1) throw new Error('the provider is down')
  }
  const jobs = createAlarmJobs(storage, [{ name: 'nightly', everyMs: 24 * HOUR, run }], {
    clock: () => unixMs(now),
    log: () => undefined,
    metrics: { job: () => undefined },
  })
  const start = now
  for (let hour = 0; hour <= 30; hour++) {
    await jobs.run()
    now += HOUR
  }
  expect(runs.map((at) => (at - start) / HOUR)).toEqual([0, 1, 25])
})
