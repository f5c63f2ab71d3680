import { test } from 'vitest'
import { crashWalk } from './testing/crash-walk.ts'

const SEEDS = Array.from({ length: 20 }, (_, i) => 100 + i)

test.each(SEEDS)('a hundred crashes lose and invent no nano (seed %i)', async (seed) => {
  await crashWalk({ seed, crashes: 100 })
})
