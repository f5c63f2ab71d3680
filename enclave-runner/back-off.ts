import type { Random } from '#base/brand.ts'

const FIRST_MS = 500
const LONGEST_MS = 60_000

/**
 * How long to wait after the n-th failure in a row: doubling up to a minute, each drawn from the upper
 * half, so that many runners do not come back at once.
 */
export function backOffMs(failures: number, random: Random): number {
  const ceiling = Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(failures - 1, 16))
  const share = new DataView(random(4).buffer).getUint32(0) / 2 ** 32
  return Math.round(ceiling / 2 + (ceiling / 2) * share)
}
