import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { utf8 } from '#base/bytes.ts'
import {
  bucketFor,
  JSON_BUCKETS_BYTES,
  padJson,
  padSse,
  SSE_BUCKETS_BYTES,
  trimSpaces,
} from './padding.ts'

/** What any SSE reader makes of bytes: the data of each event. */
function events(bytes: Uint8Array): string[] {
  const blocks = Buffer.from(bytes).toString().split('\n\n')
  expect(blocks.pop()).toBe('')
  return blocks
    .map((block) => block.split('\n').filter((line) => !line.startsWith(':')))
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join('\n'))
}

describe('length hiding', () => {
  test.each([
    [1, 512],
    [512, 512],
    [513, 1024],
    [16_384, 16_384],
    [16_385, 32_768],
    [40_000, 49_152],
  ])('an SSE plaintext of %d bytes has %d', (length, bucket) => {
    expect(bucketFor(length, SSE_BUCKETS_BYTES)).toBe(bucket)
  })

  test('SSE keeps its events and shows only its bucket', () => {
    const text = fc.string({ unit: 'grapheme-ascii', maxLength: 3000 })
    fc.assert(
      fc.property(fc.array(text, { minLength: 1, maxLength: 3 }), (contents) => {
        const data = contents.map((content) => `data: ${JSON.stringify(content)}`)
        const source = utf8(data.map((line) => `${line}\n\n`).join(''))
        const padded = padSse(source)
        expect(events(padded)).toEqual(data)
        const size = padded.length
        expect(bucketFor(size, SSE_BUCKETS_BYTES)).toBe(size)
      }),
      { numRuns: 300 },
    )
  })

  test('every gap to a bucket can be filled, those of one and two bytes by the next one', () => {
    for (let length = 480; length <= 512; length++) {
      const line = `data: ${'x'.repeat(length - 8)}\n\n`
      const padded = padSse(utf8(line))
      expect(padded.length).toBe(length === 510 || length === 511 ? 1024 : 512)
      expect(events(padded)).toEqual([line.trim()])
    }
  })

  test('JSON keeps its value and shows only its bucket', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const padded = padJson(utf8(JSON.stringify({ value })))
        expect(JSON.parse(Buffer.from(padded).toString())).toEqual(
          JSON.parse(JSON.stringify({ value })),
        )
        expect(bucketFor(padded.length, JSON_BUCKETS_BYTES)).toBe(padded.length)
        expect(Buffer.from(trimSpaces(padded)).toString()).toBe(JSON.stringify({ value }))
      }),
      { numRuns: 300 },
    )
    expect(padJson(new Uint8Array(0))).toHaveLength(0)
  })

  test('padding never passes the 32 MiB body cap when the body does not', () => {
    expect(bucketFor(32 * 2 ** 20, JSON_BUCKETS_BYTES)).toBe(32 * 2 ** 20)
    expect(bucketFor(32 * 2 ** 20 - 1, JSON_BUCKETS_BYTES)).toBe(32 * 2 ** 20)
  })

  test('200 answers of other words and equal structure are one size', () => {
    const sizes = Array.from({ length: 200 }, (_, i) => {
      const word = 'abcdefghijklmnopqrstuvwxyz'.repeat(3).slice(0, 1 + (i % 60))
      return padSse(utf8(`data: {"choices":[{"delta":{"content":"${word}"}}]}\n\n`)).length
    })
    expect(new Set(sizes).size).toBe(1)
  })
})
