import { beginCell, type Cell } from '@ton/core'
import type { BitCell } from '../bit-cell.ts'
import { cellHash, toCell } from '../cells.ts'
import { keysBits } from '../keys-cell.ts'
import { exitOrderBits, voucherBits } from '../signed-cells.ts'
import { TILL_OP } from '../till-messages.ts'
import { ton } from './keys.ts'
import type { TestAccount, TillWorld } from './till-world.ts'

/** A voucher that the wrapper would not build, signed all the same: its payee lives in the masterchain. */
export async function masterchainRedeem(world: TillWorld): Promise<Cell> {
  const payee = world.host.address.toRawString()
  const bits = voucherBits({ till: world.address, payee, cumulative: ton('1') })
  const cell = toCell(inMasterchain(bits, 32 + 267))
  return beginCell()
    .storeUint(TILL_OP.redeem, 32)
    .storeUint(0, 64)
    .storeBuffer(Buffer.from(await world.meter.sign(cellHash(cell))))
    .storeRef(cell)
    .endCell()
}

/** An order that the wrapper would not build, for the owner's wallet to send. */
export function masterchainExit(world: TillWorld, account: TestAccount): Cell {
  const to = world.user.address.toRawString()
  const bits = exitOrderBits({ till: world.address, account: account.id, to, nonce: 0 })
  return beginCell()
    .storeUint(TILL_OP.exitRequest, 32)
    .storeUint(0, 64)
    .storeRef(toCell(keysBits(account.keys)))
    .storeRef(toCell(inMasterchain(bits, 32 + 267 + 152)))
    .storeBit(false)
    .endCell()
}

/** Turns the address that starts at bit `at` into one of workchain -1. */
function inMasterchain({ bytes, bitLength }: BitCell, at: number): BitCell {
  const changed = new Uint8Array(bytes)
  for (let bit = at + 3; bit < at + 11; bit++) {
    changed[bit >> 3] = (changed[bit >> 3] ?? 0) | (0x80 >> (bit & 7))
  }
  return { bytes: changed, bitLength }
}
