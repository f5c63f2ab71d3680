import { describe, test } from 'vitest'
import { fuzz, fuzzTargets } from './testing/fuzz-parsers.ts'

const targets = await fuzzTargets()

describe('every parser survives 100,000 random and mutated inputs', () => {
  test.each(targets.map((target) => [target.name, target] as const))(
    '%s',
    async (_name, target) => {
      await fuzz(target, 100_000)
    },
  )
})
