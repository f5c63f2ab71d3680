import { expect, test } from 'vitest'
import { gatherBytes } from './gather-bytes.ts'
import { readBounded } from './read-bounded.ts'

const PIECES = 200_000

test('pieces of a byte are copied into one buffer: none is held, and it is at most twice as large', () => {
  const gathered = gatherBytes(2 * PIECES)
  const piece = new Uint8Array(1)
  for (let i = 0; i < PIECES; i++) {
    piece[0] = i
    // The first is handed back as it is when no other comes.
    if (!gathered.add(i === 0 ? Uint8Array.of(0) : piece)) throw new RangeError('refused')
  }
  const whole = gathered.whole()
  expect(whole.length).toBe(PIECES)
  expect(whole.every((byte, i) => byte === (i & 0xff))).toBe(true)
  expect(whole.buffer.byteLength).toBeLessThanOrEqual(2 * PIECES)
})

test('a piece beyond the limit is not taken, what fills it exactly is', () => {
  const gathered = gatherBytes(5)
  expect(gathered.add(Uint8Array.of(1, 2, 3))).toBe(true)
  expect(gathered.add(Uint8Array.of(4, 5, 6))).toBe(false)
  expect(gathered.add(Uint8Array.of(4))).toBe(true)
  expect(gathered.add(new Uint8Array(0))).toBe(true)
  expect(gathered.add(Uint8Array.of(5))).toBe(true)
  expect(gathered.add(Uint8Array.of(6))).toBe(false)
  expect(gathered.whole()).toEqual(Uint8Array.of(1, 2, 3, 4, 5))
})

test('one piece is given back as it is; nothing is empty', () => {
  const piece = Uint8Array.of(1)
  const gathered = gatherBytes(8)
  expect(gathered.whole()).toEqual(new Uint8Array(0))
  gathered.add(new Uint8Array(0))
  gathered.add(piece)
  expect(gathered.whole()).toBe(piece)
})

test('a body is read to its limit, and one that is longer is cancelled', async () => {
  let cancelled = false
  const body = (pieces: number) =>
    new ReadableStream<Uint8Array>({
      pull(controller) {
        if (pieces-- === 0) controller.close()
        else controller.enqueue(Uint8Array.of(7, 7))
      },
      cancel() {
        cancelled = true
        throw new Error('the sender does not care')
      },
    })
  expect(await readBounded({ body: null }, 4)).toEqual(new Uint8Array(0))
  expect(await readBounded({ body: body(2) }, 4)).toEqual(Uint8Array.of(7, 7, 7, 7))
  expect(cancelled).toBe(false)
  expect(await readBounded({ body: body(3) }, 4)).toBeUndefined()
  expect(cancelled).toBe(true)
})
