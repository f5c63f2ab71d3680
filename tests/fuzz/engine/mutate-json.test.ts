import { expect, test } from 'vitest'
import { utf8 } from '#base/bytes.ts'
import { mutateJson } from './mutate-json.ts'
import { createRandom } from './random.ts'

test('edits that multiply each other do not outgrow what a string can hold', () => {
  const input = utf8(JSON.stringify([[[['x'.repeat(500_000)]]]]))
  const maxBytes = 4 * input.length
  for (let seed = 0; seed < 300; seed++) {
    const material = { random: createRandom(seed), other: input, dictionary: [], maxBytes }
    expect(mutateJson(input, material).length).toBeLessThanOrEqual(maxBytes)
  }
})
