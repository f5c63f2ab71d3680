import fc from 'fast-check'
import { test } from 'vitest'
import { accountWalks, walkAccounts } from '../ledger/testing/account-walk.ts'
import { keyWalks, walkKeys } from '../ledger/testing/key-walk.ts'
import { walk, walks } from '../ledger/testing/random-walk.ts'
import { memoryHarness } from './testing/open-ledger.ts'

test('whatever is asked in whatever order, the books add up: many walks', async () => {
  await fc.assert(
    fc.asyncProperty(walks, (steps) => walk(() => memoryHarness({ hosts: 'here' }), steps)),
    { numRuns: 2_000 },
  )
})

test('keys and budgets against the model: many walks', async () => {
  await fc.assert(
    fc.asyncProperty(keyWalks, (steps) => walkKeys(() => memoryHarness({ hosts: 'here' }), steps)),
    { numRuns: 300 },
  )
})

test('caps, cheques, exits and webhooks against the model: many walks', async () => {
  await fc.assert(
    fc.asyncProperty(accountWalks, (steps) =>
      walkAccounts(() => memoryHarness({ hosts: 'here' }), steps),
    ),
    { numRuns: 300 },
  )
})
