import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { Job } from '../jobs.ts'
import { runJobs } from './run-jobs.ts'

const HOUR = 3_600_000

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
})
afterEach(() => {
  vi.useRealTimers()
})

/** Lets hours pass, one at a time, and what became due in each. */
async function pass(hours: number): Promise<void> {
  for (let hour = 0; hour < hours; hour++) {
    vi.advanceTimersByTime(HOUR)
    await new Promise((done) => setImmediate(done))
  }
}

function nightly(outcomes: readonly ('ok' | 'failed')[]) {
  let runs = 0
  const job: Job = {
    name: 'nightly',
    everyMs: 24 * HOUR,
    run: async () => {
      if (outcomes[runs++] === 'failed') throw new Error('the provider is down')
    },
  }
  const running = runJobs([job], { log: () => undefined, noteRun: () => undefined })
  return { runs: () => runs, running }
}

test('a job of the day has its first turn within an hour, so that daily restarts do not put it off for ever', async () => {
  const { runs, running } = nightly([])
  await pass(1)
  expect(runs()).toBe(1)
  await pass(23)
  expect(runs()).toBe(1)
  await pass(1)
  expect(runs()).toBe(2)
  await running.close()
})

test('a job of the day that failed is tried again within the hour', async () => {
  const { runs, running } = nightly(['failed', 'failed'])
  await pass(3)
  expect(runs()).toBe(3)
  await pass(23)
  expect(runs()).toBe(3)
  await running.close()
})
