import { expect, test } from 'vitest'
import { randomWalk } from './testing/random-walk.ts'

const SEEDS = Array.from({ length: 12 }, (_, i) => 1000 + i)

test.each(SEEDS)('every promise about money holds on the long random walk %i', async (seed) => {
  const { accepted } = await randomWalk(seed, 300)
  expect(accepted).toBeGreaterThan(90)
})
