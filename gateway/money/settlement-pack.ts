import type { Store } from '../db/db.ts'
import type { TonAddress } from '../db/ids.ts'
import { readVoucher } from './cashier-view.ts'

/** What a host needs to be paid without us, as heartbeats carry it. @see protocol/SPEC.md section 10 */
export interface SettlementPack {
  readonly voucher?: {
    readonly till: string
    readonly payee: string
    readonly cumulative: string
    readonly signature: string
  }
  readonly charges: readonly never[]
}

/**
 * The host's latest voucher. No charges: a voucher covers only what the Till has collected (H1), so that the host can
 * redeem it alone, and a batch would tell it of accounts that it never served (M15).
 */
export function settlementPack(store: Store, till: TonAddress, payee: TonAddress): SettlementPack {
  const voucher = readVoucher(store, till, payee)
  if (voucher === undefined) return { charges: [] }
  return { voucher: { ...voucher, cumulative: voucher.cumulative.toString() }, charges: [] }
}
