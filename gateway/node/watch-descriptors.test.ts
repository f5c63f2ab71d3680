import { expect, test } from 'vitest'
import { unixMs } from '#base/brand.ts'
import { type Descriptors, descriptorsJob, lookAtDescriptors } from './watch-descriptors.ts'

function watch() {
  const logged: string[] = []
  let [now, exhausted] = [1_800_000_000_000, 0]
  let seen: Descriptors | undefined
  const job = descriptorsJob({
    look: () => seen,
    clock: () => unixMs(now),
    log: (level, message, fields) => logged.push(`${level} ${message} ${fields?.count ?? ''}`),
    metrics: { outOfDescriptors: () => void exhausted++ },
  })
  return {
    logged,
    exhausted: () => exhausted,
    async look(next: Descriptors | undefined, seconds = 1) {
      now += seconds * 1000
      seen = next
      await job.run()
    },
  }
}

const enough = { used: 50, limit: 1_000 }

test('descriptors that run out are told, with what to do, and that there are some again', async () => {
  const { look, logged, exhausted } = watch()
  await look(enough)
  await look({ used: 910, limit: 1_000 })
  await look('none left')
  await look('none left')
  await look(enough)
  expect(logged).toEqual([
    'warn file descriptors run out: raise LimitNOFILE (ulimit -n) 90',
    'error no file descriptor is left, connections are dropped: raise LimitNOFILE (ulimit -n), or see who holds them ',
    'info there are file descriptors again ',
  ])
  expect(exhausted()).toBe(2)
})

test('however often they run out, each hint comes once a minute, and the count misses nothing', async () => {
  const { look, logged, exhausted } = watch()
  for (let second = 0; second < 300; second++) {
    await look('none left', 0.5)
    await look(enough, 0.5)
  }
  expect(exhausted()).toBe(300)
  expect(logged.length).toBeGreaterThanOrEqual(8)
  expect(logged.length).toBeLessThanOrEqual(12)
})

test('a clock that is set back silences nothing for a day', async () => {
  const { look, logged } = watch()
  await look('none left')
  await look(enough)
  await look('none left', -86_400)
  expect(logged.filter((line) => line.startsWith('error'))).toHaveLength(2)
})

test('a system that says nothing is not guessed about', async () => {
  const { look, logged, exhausted } = watch()
  await look(undefined)
  expect([logged, exhausted()]).toEqual([[], 0])
})

test.runIf(process.platform === 'linux')('this process has some', () => {
  const seen = lookAtDescriptors()
  if (seen === undefined || seen === 'none left') throw new TypeError('Linux says')
  expect(seen.used).toBeGreaterThan(2)
  expect(seen.limit).toBeGreaterThan(seen.used)
})
