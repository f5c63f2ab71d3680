import { hex } from '#base/bytes.ts'

/**
 * The y coordinates, little-endian with the sign bit cleared, of all points of order 1, 2, 4 and 8, in every
 * encoding that decoders accept (the last two are not canonical). A signature under such a key proves nothing.
 * @see https://eprint.iacr.org/2020/1244 table 1
 */
const SMALL_ORDER_Y: ReadonlySet<string> = new Set([
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0100000000000000000000000000000000000000000000000000000000000000',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
])

const SIGN_BIT_CLEARED = 0x7f

/** Whether a 32-byte Ed25519 public key is a point of small order, in any encoding. */
export function isSmallOrder(publicKey: Uint8Array): boolean {
  const y = new Uint8Array(publicKey)
  y[31] = (y[31] ?? 0) & SIGN_BIT_CLEARED
  return SMALL_ORDER_Y.has(hex(y))
}
