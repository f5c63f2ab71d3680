import { expect, test } from 'vitest'
import { utf8 } from '#base/bytes.ts'
import { MEDIA_CASES } from '#base/testing/media-cases.ts'
import { nodeProvider } from '#protocol/node'
import { readAsk } from './read-ask.ts'

const MEDIA_TOKENS = 16_384
const cacheSecret = nodeProvider.hashes.macKey(new Uint8Array(32))

test.each(MEDIA_CASES)('%s: %i media beside the bytes', (_, media, members) => {
  const body = utf8(JSON.stringify({ model: 'm', ...members }))
  const { promptBound } = readAsk('/v1/chat/completions', body, { cacheSecret })
  expect(Math.floor((promptBound - body.length) / MEDIA_TOKENS)).toBe(media)
})
