import { fromHex } from '#base/bytes.ts'
import { parseNano } from '#base/nano.ts'
import { webSha256 } from './bit-cell.ts'
import { ContractError } from './errors.ts'
import { voucherBits, webVerify } from './signed-cells.ts'
import { verifyBits } from './verify-bits.ts'

/** A voucher as messages carry it: raw addresses, decimal nanoTON, hex. */
export interface WireVoucher {
  readonly till: string
  readonly payee: string
  readonly cumulative: string
  readonly signature: string
}

/**
 * Whether the meter key really signed a voucher: a host works on credit only as far as this says yes (H20). Total: a
 * malformed voucher is an unsigned one.
 * @param meterKey 32 bytes, hex
 */
export async function verifyVoucher(voucher: WireVoucher, meterKey: string): Promise<boolean> {
  const { till, payee } = voucher
  try {
    const cell = voucherBits({ till, payee, cumulative: parseNano(voucher.cumulative) })
    const signed = { cell, signature: fromHex(voucher.signature), publicKey: fromHex(meterKey) }
    return await verifyBits(signed, { sha256: webSha256, verify: webVerify })
  } catch (error) {
    if (error instanceof RangeError || error instanceof ContractError) return false
    throw error
  }
}
