import { test } from 'vitest'
import { seeded } from '../money/testing/seeded.ts'
import { killRounds } from './testing/kill-rounds.ts'
import { payRounds } from './testing/pay-rounds.ts'

/** Ten times what it takes where nothing else runs. */
const KILLS_MS = 240_000

test(
  'what was answered before a SIGKILL is in the books after it, whole and once',
  async () => {
    await killRounds(4, Math.random)
  },
  KILLS_MS,
)

test(
  'SIGKILLs amid deposits, charges, payouts and exits leave every nano accounted for',
  async () => {
    await payRounds(4, seeded(3))
  },
  KILLS_MS,
)
