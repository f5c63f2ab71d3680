import { describe, expect, test } from 'vitest'
import { utf8 } from '#base/bytes.ts'
import { EngineError } from './engine-error.ts'
import { createSseReader } from './sse-reader.ts'

const STREAM =
  ': comment\r\n\r\ndata: {"é":1}\n\nevent: x\ndata:two\ndata: lines\r\rdata\n\ndata: [DONE]\n\n'
const PAYLOADS = ['{"é":1}', 'two\nlines', '[DONE]']

describe('the event-stream reader', () => {
  test('reads the same payloads however the bytes are cut', () => {
    const bytes = utf8(STREAM)
    for (let size = 1; size <= bytes.length; size++) {
      const reader = createSseReader()
      const payloads: string[] = []
      for (let at = 0; at < bytes.length; at += size) {
        payloads.push(...reader.push(bytes.subarray(at, at + size)))
      }
      expect(payloads).toEqual(PAYLOADS)
    }
  })

  test('shows no event before its blank line', () => {
    expect(createSseReader().push(utf8('data: cut'))).toEqual([])
  })

  test('refuses an event without end', () => {
    const reader = createSseReader()
    const piece = new Uint8Array(1024 * 1024).fill(65)
    expect(() => {
      for (let i = 0; i < 9; i++) reader.push(piece)
    }).toThrow(EngineError)
  })
})
