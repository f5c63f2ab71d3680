import { expect, test } from 'vitest'
import { scanHistory } from './testing/scan-history.ts'

test('a history of many pages is taken over once and looked at again', async () => {
  expect((await scanHistory(1_000)).transactions).toBe(1_000)
})
