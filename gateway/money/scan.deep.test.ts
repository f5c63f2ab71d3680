import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import { scanHistory } from './testing/scan-history.ts'

setFlagsFromString('--expose-gc')
globalThis.gc = runInNewContext('gc')

/** What a page, a step and the report need, and room for the collector's moods; the whole history is some 200 MiB. */
const MOST_HEAP_MIB = 96

test('100,000 historical transactions are scanned and reconciled in bounded memory', async () => {
  const figures = await scanHistory(100_000)
  process.stdout.write(`${JSON.stringify(figures)}\n`)
  expect(figures.heapMiB).toBeLessThan(MOST_HEAP_MIB)
})
