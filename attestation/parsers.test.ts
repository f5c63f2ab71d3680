import { describe, expect, test } from 'vitest'
import { fuzz, fuzzTargets } from './testing/fuzz-parsers.ts'

const targets = await fuzzTargets()

/** 10,000 inputs over all targets here; `parsers.deep.test.ts` tries 100,000 on each. */
const RUNS = Math.ceil(10_000 / targets.length)

describe('every parser answers hostile bytes with a typed error, never a crash or a hang', () => {
  test.each(targets.map((target) => [target.name, target] as const))(
    '%s',
    async (_name, target) => {
      // The seeds parse: otherwise the mutations would all die at the first byte.
      for (const seed of target.seeds)
        await expect(Promise.resolve(target.parse(seed))).resolves.toBeDefined()
      await fuzz(target, RUNS)
    },
  )
})
