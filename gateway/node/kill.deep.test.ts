import { test } from 'vitest'
import { seeded } from '../money/testing/seeded.ts'
import { killRounds } from './testing/kill-rounds.ts'
import { payRounds } from './testing/pay-rounds.ts'

test('a hundred SIGKILLs lose and invent nothing', async () => {
  await killRounds(100, Math.random)
})

test('a hundred SIGKILLs amid deposits, charges, payouts and exits leave every nano accounted for', async () => {
  await payRounds(100, seeded(7))
})
