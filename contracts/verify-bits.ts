import type { Bytes } from '#base/bytes.ts'
import { type BitCell, bitCellHash, type Sha256 } from './bit-cell.ts'
import type { Verify } from './signed-cells.ts'
import { isSmallOrder } from './small-order.ts'

export interface SignedBits {
  readonly cell: BitCell
  readonly signature: Bytes
  readonly publicKey: Bytes
}

/**
 * Whether the Till would take this signature: a voucher (voucherBits) by the meter key, a cheque (chequeBits) by a
 * spendKey, an order by an owner. Stricter than the Till in one thing: no key of small order verifies.
 */
export async function verifyBits(
  { cell, signature, publicKey }: SignedBits,
  using: { readonly sha256: Sha256; readonly verify: Verify },
): Promise<boolean> {
  if (signature.length !== 64 || publicKey.length !== 32 || isSmallOrder(publicKey)) return false
  return using.verify(publicKey, await bitCellHash(cell, using.sha256), signature)
}
