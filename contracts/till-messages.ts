import { Address, type Builder, beginCell, type Cell, comment } from '@ton/core'
import type { Bytes } from '#base/bytes.ts'
import type { Nano } from '#base/nano.ts'
import { type AccountId, accountNumber, formatMemo } from './account-id.ts'
import { cellHash, toCell } from './cells.ts'
import { type ChargeBatch, chargeBatchCell } from './charge-batch.ts'
import { ContractError } from './errors.ts'
import { type AccountKeys, keysBits } from './keys-cell.ts'
import {
  type CancelOrder,
  type Cheque,
  cancelOrderBits,
  chequeBits,
  type ExitOrder,
  exitOrderBits,
  type FastOrder,
  fastOrderBits,
  type OrphanOrder,
  orphanOrderBits,
  type Sign,
  type Voucher,
  voucherBits,
} from './signed-cells.ts'
import { isSmallOrder } from './small-order.ts'

/** Operation codes of the Till's messages. @see till/messages.tolk */
export const TILL_OP = {
  deposit: 0x2f1d8a01,
  charge: 0x2f1d8a02,
  chargeCheque: 0x2f1d8a03,
  redeem: 0x2f1d8a04,
  exitRequest: 0x2f1d8a05,
  exitFinish: 0x2f1d8a06,
  exitFast: 0x2f1d8a07,
  exitCancel: 0x2f1d8a08,
  refundOrphan: 0x2f1d8a09,
  redeemFees: 0x2f1d8a0a,
  rotateKey: 0x2f1d8a0b,
  activateKey: 0x2f1d8a0c,
  cancelRotation: 0x2f1d8a0d,
  freeze: 0x2f1d8a0e,
  returnFees: 0x2f1d8a0f,
  topUp: 0xd372158c,
  excesses: 0xd53276db,
  payout: 0x2f1d8af0,
} as const

export type TillOp = keyof typeof TILL_OP

function message(op: TillOp, queryId = 0n): Builder {
  return beginCell().storeUint(TILL_OP[op], 32).storeUint(queryId, 64)
}

function signed(op: TillOp, signature: Bytes): Builder {
  return message(op).storeBuffer(Buffer.from(signature), 64)
}

/** An owner's signature, or nothing when the owner's wallet itself sends the message. */
function maybeSignature(builder: Builder, signature: Bytes | undefined): Builder {
  if (signature === undefined) return builder.storeBit(false)
  const cell = beginCell().storeBuffer(Buffer.from(signature), 64).endCell()
  return builder.storeBit(true).storeRef(cell)
}

/** The text comment that any wallet or exchange can send. */
export function memoBody(account: AccountId): Cell {
  return comment(formatMemo(account))
}

export function depositBody(account: AccountId): Cell {
  return message('deposit').storeUint(accountNumber(account), 152).endCell()
}

/** Signed once and stored, the same body may be sent any number of times: it collects only once. */
export async function chargeBody(batch: ChargeBatch, sign: Sign): Promise<Cell> {
  const cell = chargeBatchCell(batch)
  return signed('charge', await sign(cellHash(cell)))
    .storeRef(cell)
    .endCell()
}

/** From a stored signature: what a host submits out of its settlement pack. */
export function chargeBodyOf(batch: Cell, signature: Bytes): Cell {
  return signed('charge', signature).storeRef(batch).endCell()
}

export function chequeBody(cheque: Cheque, keys: AccountKeys, signature: Bytes): Cell {
  return signed('chargeCheque', signature)
    .storeRef(toCell(keysBits(keys)))
    .storeRef(toCell(chequeBits(cheque)))
    .endCell()
}

export function redeemBody(voucher: Voucher, signature: Bytes): Cell {
  return signed('redeem', signature)
    .storeRef(toCell(voucherBits(voucher)))
    .endCell()
}

export function exitRequestBody(order: ExitOrder, keys: AccountKeys, signature?: Bytes): Cell {
  const body = message('exitRequest')
    .storeRef(toCell(keysBits(keys)))
    .storeRef(toCell(exitOrderBits(order)))
  return maybeSignature(body, signature).endCell()
}

export function exitCancelBody(order: CancelOrder, keys: AccountKeys, signature?: Bytes): Cell {
  const body = message('exitCancel')
    .storeRef(toCell(keysBits(keys)))
    .storeRef(toCell(cancelOrderBits(order)))
  return maybeSignature(body, signature).endCell()
}

export function exitFinishBody(account: AccountId): Cell {
  return message('exitFinish').storeUint(accountNumber(account), 152).endCell()
}

export function exitFastBody(order: FastOrder, signature: Bytes): Cell {
  return signed('exitFast', signature)
    .storeRef(toCell(fastOrderBits(order)))
    .endCell()
}

export function refundOrphanBody(order: OrphanOrder, signature: Bytes): Cell {
  return signed('refundOrphan', signature)
    .storeRef(toCell(orphanOrderBits(order)))
    .endCell()
}

/** Sent by the admin's wallet. */
export function redeemFeesBody(to: string, amount: Nano): Cell {
  return message('redeemFees').storeAddress(Address.parseRaw(to)).storeCoins(amount).endCell()
}

/** Sent by the admin's wallet: moves fees into the pool, for hosts. */
export function returnFeesBody(amount: Nano): Cell {
  return message('returnFees').storeCoins(amount).endCell()
}

/**
 * Sent by the admin's wallet.
 * @param options.dropPrevious for a stolen key: the present key dies with the rotation
 * @throws ContractError `small_order_key`
 */
export function rotateKeyBody(key: Bytes, options: { readonly dropPrevious: boolean }): Cell {
  if (key.length !== 32) throw new ContractError('bad_keys', 'a key has 32 bytes')
  if (isSmallOrder(key)) throw new ContractError('small_order_key', 'anyone can sign for this key')
  return message('rotateKey')
    .storeBuffer(Buffer.from(key), 32)
    .storeBit(options.dropPrevious)
    .endCell()
}

export function plainBody(op: 'activateKey' | 'cancelRotation' | 'freeze' | 'topUp'): Cell {
  return message(op).endCell()
}
