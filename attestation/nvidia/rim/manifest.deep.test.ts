import { expect, test } from 'vitest'
import { fuzzManifest } from '../../testing/fuzz-manifest.ts'

test('a spliced manifest is refused, or says exactly what was signed: 100,000 times', async () => {
  expect(await fuzzManifest(100_000)).toBeGreaterThan(0)
})
