import { createHash, createHmac } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { hex } from '#base/bytes.ts'
import { canonical, canonicalMessage, portableHashes, toWire } from './hash.ts'
import { nodeProvider } from './node.ts'
import { pieces, random } from './testing/fixtures.ts'

const SUBJECTS = [
  ['node', nodeProvider.hashes],
  ['portable', portableHashes],
] as const
/** Around a block, and around what is hashed without a copy of its own. */
const LENGTHS = [0, 1, 31, 63, 64, 65, 127, 1_300, 16_383, 16_384, 16_385, 70_000]

describe.each(SUBJECTS)('%s hashes', (_, hashes) => {
  test.each(LENGTHS)('are those of the platform for %i bytes, whole and in parts', (length) => {
    const message = random(length)
    const parts = pieces(message, [7, 64, 0, 1_000])
    const sha256 = createHash('sha256').update(message).digest('hex')
    expect(hex(hashes.sha256(message))).toBe(sha256)
    expect(hex(hashes.sha256(...parts))).toBe(sha256)
    const hasher = hashes.sha256Hasher()
    for (const part of parts) hasher.update(part)
    expect(hex(hasher.digest())).toBe(sha256)
  })

  test.each(LENGTHS)(
    'make the MAC of the platform for %i bytes, by keys of any length',
    (length) => {
      const message = random(length)
      const parts = pieces(message, [7, 64, 0, 1_000])
      for (const keyLength of [0, 16, 32, 64, 65, 200]) {
        const raw = random(keyLength)
        const mac = createHmac('sha256', raw).update(message).digest('hex')
        const key = hashes.macKey(raw)
        expect(hex(key.mac(message))).toBe(mac)
        expect(hex(key.mac(...parts))).toBe(mac)
        const hasher = key.hasher()
        for (const part of parts) hasher.update(part)
        expect(hex(hasher.digest())).toBe(mac)
      }
    },
  )

  test('two MACs at once do not disturb each other, nor does a later change of the raw key', () => {
    const raw = random(32)
    const expected = createHmac('sha256', raw).update('ab').digest('hex')
    const key = hashes.macKey(raw)
    raw.fill(0)
    const [first, second] = [key.hasher(), key.hasher()]
    first.update(Buffer.from('a'))
    second.update(Buffer.from('a'))
    expect(hex(key.mac(Buffer.from('ab')))).toBe(expected)
    first.update(Buffer.from('b'))
    second.update(Buffer.from('b'))
    expect([hex(first.digest()), hex(second.digest())]).toEqual([expected, expected])
  })
})

test('the canonical bytes of a message are those of its JSON form', () => {
  const message = { z: 1n, a: [{ y: undefined, x: '"' }, null, undefined, 0n], m: { n: true } }
  expect(canonicalMessage(message)).toEqual(canonical(toWire(message)))
})
