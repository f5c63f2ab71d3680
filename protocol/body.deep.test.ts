import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { nodeProvider } from './node.ts'
import { random } from './testing/fixtures.ts'

const FRAME_BYTES = 64 * 1024
const FRAMES = 16_384
/** Far more than one frame, far less than the body. */
const MEMORY_BYTES = 200 * 2 ** 20

test('a 1 GiB answer opens with memory bounded by its frames', () => {
  const keys = { key: random(32), nonce: random(12), end: true }
  const sealer = nodeProvider.bodies.sealer(keys)
  const opener = nodeProvider.bodies.opener(keys)
  const plaintext = random(FRAME_BYTES)
  const [sent, received] = [createHash('sha256'), createHash('sha256')]
  let most = 0
  for (let i = 0; i < FRAMES; i++) {
    plaintext[0] = i & 0xff
    sent.update(plaintext)
    const wire = sealer.seal(plaintext)
    // Cut somewhere inside every frame.
    const at = 1 + (i % FRAME_BYTES)
    for (const chunk of [wire.subarray(0, at), wire.subarray(at)]) {
      for (const part of opener.push(chunk)) received.update(part)
    }
    if (i % 1024 === 0) most = Math.max(most, process.memoryUsage().arrayBuffers)
  }
  opener.push(sealer.end())
  opener.end()
  expect(received.digest('hex')).toBe(sent.digest('hex'))
  expect(most).toBeLessThan(MEMORY_BYTES)
})
