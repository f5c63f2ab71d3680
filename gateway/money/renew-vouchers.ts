import type { Clock } from '#base/brand.ts'
import { type Bytes, equalBytes, hex } from '#base/bytes.ts'
import { type Sha256, type Sign, signBits, voucherBits } from '#contracts'
import type { Store } from '../db/db.ts'
import type { TonAddress } from '../db/ids.ts'
import type { Ledger } from '../ledger/port.ts'
import type { HostDue } from './cashier.ts'
import { readVoucher, type StoredVoucher } from './cashier-view.ts'

interface RenewVouchersDeps {
  readonly till: TonAddress
  readonly ledger: Ledger
  readonly store: Store
  readonly sign: Sign
  /** The public half of what signs. */
  readonly meterKey: Bytes
  readonly sha256: Sha256
  readonly clock: Clock
}

/**
 * A voucher of an earlier meter key is worth nothing once the Till has dropped that key (H5): what is not redeemed yet is signed
 * anew by the present one, over the same sum. Once for each host, as soon as the Till honours our key, since a process has one.
 */
export function createRenewVouchers(
  deps: RenewVouchersDeps,
): (hosts: readonly HostDue[], honoured: Bytes) => Promise<void> {
  const { till, ledger, store, clock } = deps
  const ours = new Set<TonAddress>()

  async function renew({ payee, cumulative, signature: known }: StoredVoucher): Promise<void> {
    // Ed25519 signs the same the same way: another signature is of another key.
    const bits = voucherBits({ till, payee, cumulative })
    const signature = hex(await signBits(bits, deps.sign, deps.sha256))
    if (signature === known) return
    await ledger.commit([{ op: 'record_voucher', till, payee, cumulative, signature, at: clock() }])
  }

  return async (hosts, honoured) => {
    if (!equalBytes(honoured, deps.meterKey)) return
    for (const { payee, vouchered, redeemed } of hosts) {
      if (ours.has(payee)) continue
      const voucher = vouchered > redeemed ? readVoucher(store, till, payee) : undefined
      if (voucher !== undefined) await renew(voucher)
      ours.add(payee)
    }
  }
}
