import { randomFillSync } from 'node:crypto'
import type { Random } from '#base/brand.ts'

const POOL_BYTES = 8_192

/** Cryptographic randomness drawn in blocks: a system call costs more than all the bytes of a request. */
export function createRandom(): Random {
  let pool = new Uint8Array(0)
  let at = 0
  return (length) => {
    if (length > POOL_BYTES) return randomFillSync(new Uint8Array(length))
    if (at + length > pool.length) {
      pool = randomFillSync(new Uint8Array(POOL_BYTES))
      at = 0
    }
    const bytes = pool.slice(at, at + length)
    // What was given out does not stay here.
    pool.fill(0, at, at + length)
    at += length
    return bytes
  }
}
