import { type Bytes, utf8 } from '#base/bytes.ts'
import { type AccountId, formatMemo } from './account-id.ts'
import { BitWriter } from './bit-cell.ts'
import { type AccountKeys, keysBits } from './keys-cell.ts'
import { type ExitOrder, exitOrderBits } from './signed-cells.ts'
import type { TreeCell } from './write-boc.ts'

/** Bodies that a browser hands to a wallet, the same as those of till-messages.ts (a test compares them). */

const EXIT_REQUEST = 0x2f1d8a05n

/** The text comment that makes a transfer a deposit. */
export function plainMemoBody(account: AccountId): TreeCell {
  return new BitWriter()
    .uint(0n, 32)
    .bytes(utf8(formatMemo(account)))
    .end()
}

export function plainExitBody(order: ExitOrder, keys: AccountKeys, signature: Bytes): TreeCell {
  const body = new BitWriter().uint(EXIT_REQUEST, 32).uint(0n, 64).uint(1n, 1).end()
  const refs = [keysBits(keys), exitOrderBits(order), new BitWriter().bytes(signature).end()]
  return { ...body, refs }
}
