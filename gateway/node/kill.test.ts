import { test } from 'vitest'
import { seeded } from '../money/testing/seeded.ts'
import { killRounds } from './testing/kill-rounds.ts'
import { payRounds } from './testing/pay-rounds.ts'

test('what was answered before a SIGKILL is in the books after it, whole and once', async () => {
  await killRounds(4, Math.random)
})

test('SIGKILLs amid deposits, charges, payouts and exits leave every nano accounted for', async () => {
  await payRounds(4, seeded(3))
})
