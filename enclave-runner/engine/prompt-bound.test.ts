import { expect, test } from 'vitest'
import { MEDIA_CASES } from '#base/testing/media-cases.ts'
import { countMedia } from '#protocol'
import type { JsonObject } from './engine.ts'

test.each(MEDIA_CASES)('%s: %i media', (_, media, body) => {
  // Sound: written out as JSON values alone.
  expect(countMedia(body as JsonObject)).toBe(media)
})
