import fc from 'fast-check'
import { test } from 'vitest'
import { walk, walks } from '../ledger/testing/random-walk.ts'
import { memoryHarness } from './testing/open-ledger.ts'

test('whatever is asked in whatever order, the books add up: many walks', async () => {
  await fc.assert(
    fc.asyncProperty(walks, (steps) => walk(() => memoryHarness({ hosts: 'here' }), steps)),
    { numRuns: 2_000 },
  )
})
