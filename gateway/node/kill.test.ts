import { test } from 'vitest'
import { killRounds } from './testing/kill-rounds.ts'

test('what was answered before a SIGKILL is in the books after it, whole and once', async () => {
  await killRounds(4, Math.random)
})
