import { createHash } from 'node:crypto'
import { resolve } from 'node:path'

const HEAD = 'cocoon weights verity v1'
const ROOT_HASH = /^[0-9a-f]{64}$/
/** As the image's initrd opens and mounts them. @see enclave-runner/image/initrd-init */
const DEVICE = '/dev/mapper/weights'

/**
 * Digest of weights on a volume under dm-verity: the SHA-256 of its root hash under a line that names the form, so that
 * no file or manifest has the same.
 * @param rootHash SHA-256 root of the volume, hex
 */
export function verityDigest(rootHash: string): string {
  if (!ROOT_HASH.test(rootHash)) throw new RangeError('a root hash is 64 hex digits')
  return `sha256:${createHash('sha256').update(`${HEAD}\n${rootHash}\n`).digest('hex')}`
}

/**
 * The digest of weights that the kernel itself verifies at every read; undefined where it does not. Only in an image
 * whose command line is measured does this prove anything: there the root hash is part of what the quote names.
 * @param commandLine of the kernel  @param mounts as /proc/self/mounts has them
 */
export function verifiedWeights(
  path: string,
  commandLine: string,
  mounts: string,
): string | undefined {
  const words = commandLine.trim().split(/\s+/)
  const named = words.filter((word) => word.startsWith('cocoon.weights='))
  const [word] = named
  const place = mounts
    .split('\n')
    .map((line) => line.split(' '))
    .filter(([, point]) => point !== undefined && isInside(resolve(path), point))
    // The innermost wins, and of several at one place the last.
    .reduce<readonly string[]>((best, mount) => (length(mount) >= length(best) ? mount : best), [])
  const [device, , , options = ''] = place
  const isReadOnly = options.split(',').includes('ro')
  if (named.length !== 1 || word === undefined || device !== DEVICE || !isReadOnly) return undefined
  return verityDigest(word.slice('cocoon.weights='.length))
}

function isInside(path: string, point: string): boolean {
  return path === point || path.startsWith(point === '/' ? '/' : `${point}/`)
}

function length([, point = '']: readonly string[]): number {
  return point.length
}
