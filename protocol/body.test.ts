import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Bytes, concat, equalBytes, utf8 } from '#base/bytes.ts'
import type { BodyKeys, Provider } from './crypto.ts'
import { FrameDecoder, MAX_FRAME_BYTES, nonceAt } from './frame.ts'
import { nodeProvider } from './node.ts'
import { codeOf, pieces, random } from './testing/fixtures.ts'
import { webProvider } from './web.ts'

const ZERO_FRAME = new Uint8Array(4)
const PROVIDERS: readonly [string, Provider][] = [
  ['node', nodeProvider],
  ['web', webProvider],
]

const freshKeys = (end: boolean): BodyKeys => ({ key: random(32), nonce: random(12), end })

async function sealed(
  provider: Provider,
  keys: BodyKeys,
  plaintexts: readonly string[],
): Promise<Bytes[]> {
  const sealer = provider.bodies.sealer(keys)
  const frames: Bytes[] = []
  for (const text of plaintexts) frames.push(await sealer.seal(utf8(text)))
  return [...frames, await sealer.end()]
}

async function open(provider: Provider, keys: BodyKeys, chunks: Uint8Array[]): Promise<string> {
  const opener = provider.bodies.opener(keys)
  const parts: Bytes[] = []
  for (const chunk of chunks) parts.push(...(await opener.push(chunk)))
  opener.end()
  return Buffer.from(concat(...parts)).toString()
}

describe.each(PROVIDERS)('sealed body on %s', (_, provider) => {
  test('opens from 1-byte reads and from any other chunking', async () => {
    const keys = freshKeys(true)
    const wire = concat(...(await sealed(provider, keys, ['one', 'two', 'three'])))
    const single = Array.from(wire, (byte) => Uint8Array.of(byte))
    expect(await open(provider, keys, single)).toBe('onetwothree')
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat({ max: 40 }), { maxLength: 12 }), async (sizes) => {
        expect(await open(provider, keys, pieces(wire, sizes))).toBe('onetwothree')
      }),
      { numRuns: 50 },
    )
  })

  test('a body cut at any byte is an error', async () => {
    const keys = freshKeys(true)
    const wire = concat(...(await sealed(provider, keys, ['first', 'second'])))
    for (let length = 0; length < wire.length; length++) {
      const code = await codeOf(() => open(provider, keys, [wire.subarray(0, length)]))
      expect(['end_missing', 'frame_truncated']).toContain(code)
    }
  })

  test('a body with any bit altered is an error', async () => {
    const keys = freshKeys(true)
    const wire = concat(...(await sealed(provider, keys, ['first', 'second'])))
    for (let at = 0; at < wire.length; at++) {
      const altered = new Uint8Array(wire)
      altered[at] = (altered[at] ?? 0) ^ 1
      expect(await codeOf(() => open(provider, keys, [altered]))).not.toBe('no error')
    }
  })

  test('frames reordered, repeated, dropped or mixed in from another body do not open', async () => {
    const keys = freshKeys(true)
    const [a, b, end] = await sealed(provider, keys, ['aa', 'bb'])
    const [foreign] = await sealed(provider, freshKeys(true), ['aa'])
    if (!a || !b || !end || !foreign) throw new Error('three frames')
    for (const frames of [[b, a, end], [a, a, end], [a, end], [b, end], [foreign, b, end], [end]]) {
      expect(await codeOf(() => open(provider, keys, frames))).toBe('frame_unauthentic')
    }
  })

  test('an empty data frame cannot stand for END, nor END of another count', async () => {
    const keys = freshKeys(true)
    const plain = { ...keys, end: false }
    // A peer that seals an empty frame without END's AAD: what M1 cuts with.
    const [a] = await sealed(provider, keys, ['aa'])
    const empty = await provider.bodies.sealWhole(plain, utf8('x'))
    const emptied = concat(Uint8Array.of(0, 0, 0, 16), empty.subarray(empty.length - 16))
    if (!a) throw new Error('a frame')
    expect(await codeOf(() => open(provider, keys, [a, emptied]))).toBe('frame_unauthentic')
    const early = await provider.bodies.sealer(keys).end()
    expect(await codeOf(() => open(provider, keys, [a, early]))).toBe('frame_unauthentic')
  })

  test('an empty plaintext makes no frame', async () => {
    const sealer = provider.bodies.sealer(freshKeys(true))
    expect(await sealer.seal(new Uint8Array(0))).toHaveLength(0)
    expect(await codeOf(async () => await sealer.end())).toBe('no error')
    expect(await codeOf(async () => await sealer.seal(utf8('late')))).toBe('bad_input')
    expect(await codeOf(async () => await sealer.end())).toBe('bad_input')
  })

  test('data after END is an error, in the same chunk or a later one', async () => {
    const keys = freshKeys(true)
    const wire = concat(...(await sealed(provider, keys, ['aa'])))
    for (const extra of [Uint8Array.of(0), ZERO_FRAME, wire]) {
      const codes = [
        await codeOf(() => open(provider, keys, [wire, extra])),
        await codeOf(() => open(provider, keys, [concat(wire, extra)])),
      ]
      for (const code of codes) expect(['end_trailing', 'frame_truncated']).toContain(code)
    }
  })

  test('10,000 zero frames before, between and after a byte at a time are skipped', async () => {
    const keys = freshKeys(true)
    const [a, b, end] = await sealed(provider, keys, ['aa', 'bb'])
    const zeros = new Uint8Array(4 * 10_000)
    if (!a || !b || !end) throw new Error('three frames')
    expect(await open(provider, keys, [concat(zeros, a, zeros, b, zeros, end)])).toBe('aabb')
    expect(
      await open(provider, keys, [zeros.subarray(0, 39_999), zeros.subarray(0, 1), a, b, end]),
    ).toBe('aabb')
  })

  test('after an error the opener stays broken', async () => {
    const keys = freshKeys(true)
    const [a, b, end] = await sealed(provider, keys, ['aa', 'bb'])
    if (!a || !b || !end) throw new Error('three frames')
    const opener = provider.bodies.opener(keys)
    expect(await codeOf(async () => await opener.push(b))).toBe('frame_unauthentic')
    expect(await codeOf(async () => await opener.push(a))).toBe('frame_unauthentic')
    expect(await codeOf(() => opener.end())).toBe('frame_unauthentic')
  })

  test('plain EHBP has no END: an end at a frame edge opens', async () => {
    const keys = freshKeys(false)
    const frames = await sealed(provider, keys, ['aa', 'bb'])
    expect(frames.at(-1)).toHaveLength(0)
    expect(await open(provider, keys, frames)).toBe('aabb')
  })

  test('the observer sees each data frame once, with its wire bytes', async () => {
    const keys = freshKeys(true)
    const seen: [string, number][] = []
    const observer = {
      frame: (plaintext: Uint8Array, wire: Uint8Array): void => {
        seen.push([Buffer.from(plaintext).toString(), wire.length])
      },
    }
    const sealer = provider.bodies.sealer(keys, observer)
    const wire = concat(await sealer.seal(utf8('abc')), await sealer.end())
    const opener = provider.bodies.opener(keys, observer)
    await opener.push(wire.subarray(0, 10))
    await opener.push(wire.subarray(10))
    expect(seen).toEqual([
      ['abc', 23],
      ['abc', 23],
    ])
  })
})

describe('frames', () => {
  test('a length above 64 MiB is refused before anything is allocated for it', () => {
    const decoder = new FrameDecoder()
    const header = new Uint8Array(4)
    new DataView(header.buffer).setUint32(0, MAX_FRAME_BYTES + 1)
    expect(() => [...decoder.push(header)]).toThrow(
      expect.objectContaining({ code: 'frame_too_large' }),
    )
  })

  test('memory follows what has arrived, not what is announced', () => {
    const decoder = new FrameDecoder()
    const header = new Uint8Array(4)
    new DataView(header.buffer).setUint32(0, MAX_FRAME_BYTES)
    const before = process.memoryUsage().arrayBuffers
    const decoders = Array.from({ length: 50 }, () => new FrameDecoder())
    for (const other of [decoder, ...decoders]) expect([...other.push(header)]).toEqual([])
    // 51 frames of 64 MiB are announced: 3.2 GiB. What is held stays below one of them.
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(MAX_FRAME_BYTES)
  })

  test('a frame shorter than a tag is refused at its prefix', () => {
    expect(() => [...new FrameDecoder().push(Uint8Array.of(0, 0, 0, 15))]).toThrow(
      expect.objectContaining({ code: 'frame_unauthentic' }),
    )
  })

  test('the decoder yields the same frames for every chunking', () => {
    const frame = fc.uint8Array({ minLength: 16, maxLength: 300 }).map((bytes) => {
      const prefix = new Uint8Array(4)
      new DataView(prefix.buffer).setUint32(0, bytes.length)
      return concat(prefix, bytes)
    })
    fc.assert(
      fc.property(fc.array(frame), fc.array(fc.nat({ max: 400 })), (frames, sizes) => {
        const decoder = new FrameDecoder()
        const found = pieces(concat(...frames), sizes).flatMap((chunk) => [...decoder.push(chunk)])
        decoder.end()
        expect(found).toHaveLength(frames.length)
        expect(found.every((bytes, i) => equalBytes(bytes, frames[i] ?? ZERO_FRAME))).toBe(true)
      }),
      { numRuns: 300 },
    )
  })

  test('nonces count in the last eight bytes, beyond 2^32 too', () => {
    const base = new Uint8Array(12)
    expect(Buffer.from(nonceAt(base, 0x0102_0304)).toString('hex')).toBe('000000000000000001020304')
    expect(Buffer.from(nonceAt(base, 2 ** 40 + 5)).toString('hex')).toBe('000000000000010000000005')
    expect(() => nonceAt(base, 2 ** 53)).toThrow(expect.objectContaining({ code: 'bad_input' }))
  })
})
