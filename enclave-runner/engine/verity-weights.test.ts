import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { verifiedWeights, verityDigest } from './verity-weights.ts'

const ROOT = 'ab'.repeat(32)
const LINE = `console=ttyS0 cocoon.roothash=${'00'.repeat(32)} cocoon.weights=${ROOT} cocoon.weightsoffset=1\n`
const MOUNTS = [
  '/dev/mapper/root / erofs ro,relatime 0 0',
  'tmpfs /run tmpfs rw 0 0',
  '/dev/mapper/weights /models erofs ro,relatime 0 0',
  '',
].join('\n')

describe('weights under dm-verity', () => {
  test('are named by the root hash that the measured command line names', () => {
    const digest = createHash('sha256').update(`cocoon weights verity v1\n${ROOT}\n`).digest('hex')
    expect(verifiedWeights('/models/big', LINE, MOUNTS)).toBe(`sha256:${digest}`)
    expect(verifiedWeights('/models', LINE, MOUNTS)).toBe(verityDigest(ROOT))
  })

  test.each([
    ['elsewhere', '/var/lib/model.gguf', LINE, MOUNTS],
    ['beside the mount, by a name that begins alike', '/models-2/a', LINE, MOUNTS],
    ['on a path that leaves it', '/models/../var/a', LINE, MOUNTS],
    ['without a root hash', '/models', 'quiet', MOUNTS],
    ['under two root hashes', '/models', `${LINE.trim()} cocoon.weights=${ROOT}`, MOUNTS],
    ['covered by something else', '/models', LINE, `${MOUNTS}tmpfs /models tmpfs ro 0 0\n`],
    ['writable', '/models', LINE, MOUNTS.replace('/models erofs ro', '/models erofs rw')],
    ['of another device', '/models', LINE, MOUNTS.replace('mapper/weights', 'vdb')],
  ])('%s: are hashed like any others', (_, path, line, mounts) => {
    expect(verifiedWeights(path, line, mounts)).toBeUndefined()
  })

  test('a root hash that is none is refused', () => {
    expect(() => verityDigest('AB'.repeat(32))).toThrow(RangeError)
    expect(() => verifiedWeights('/models', 'cocoon.weights=../x', MOUNTS)).toThrow(RangeError)
  })
})
