import { test } from 'vitest'
import { killRounds } from './testing/kill-rounds.ts'

test('a hundred SIGKILLs lose and invent nothing', async () => {
  await killRounds(100, Math.random)
})
