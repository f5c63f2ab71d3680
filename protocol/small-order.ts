import { hex } from '#base/bytes.ts'

/**
 * Encodings of Ed25519 points of order 1, 2, 4 and 8, canonical or not: under such a key anyone can make a
 * signature that some verifiers accept (C1). OpenSSL refuses them by itself; not every runtime does. Listed with the sign bit cleared.
 * @see https://eprint.iacr.org/2020/1244 table 1
 */
const SMALL_ORDER: ReadonlySet<string> = new Set([
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0100000000000000000000000000000000000000000000000000000000000000',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
])

/** Whether 32 bytes encode a point of small order, or are no key at all. */
export function isSmallOrder(publicKey: Uint8Array): boolean {
  if (publicKey.length !== 32) return true
  const unsigned = new Uint8Array(publicKey)
  unsigned[31] = (unsigned[31] ?? 0) & 0x7f
  return SMALL_ORDER.has(hex(unsigned))
}
