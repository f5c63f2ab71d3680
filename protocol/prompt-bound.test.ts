import { expect, test } from 'vitest'
import { MEDIA_CASES } from '#base/testing/media-cases.ts'
import { countMedia } from './count-media.ts'
import { promptBound } from './prompt-bound.ts'

test.each(MEDIA_CASES)('%s: %i media', (_, media, body) => {
  expect(countMedia(body)).toBe(media)
  expect(promptBound(body, 1_000)).toBe(1_064 + 16_384 * media)
})
