import { expect, test } from 'vitest'
import { randomWalk } from './testing/random-walk.ts'

test.each([1, 2])(
  'every promise about money holds after every step of random walk %i',
  async (seed) => {
    const { accepted } = await randomWalk(seed, 60)
    // A walk on which nothing is accepted would check nothing.
    expect(accepted).toBeGreaterThan(15)
  },
)
