import type { Bytes } from '#base/bytes.ts'
import type { Nano } from '#base/nano.ts'
import { type AccountId, accountNumber } from './account-id.ts'
import { type BitCell, BitWriter, bitCellHash, type Sha256 } from './bit-cell.ts'

/**
 * What keys sign for the Till, bit by bit as till/messages.tolk reads it, but for the charge batch (a dictionary,
 * see charge-batch.ts). Each starts with its own tag and names the Till. What is signed is the cell's hash.
 * Addresses are raw: "0:" and 64 lower-case hex digits.
 */

/** By the meter key: everything that `payee` has earned so far. */
export interface Voucher {
  readonly till: string
  readonly payee: string
  readonly cumulative: Nano
}

/** By a sovereign account's spendKey: everything that it has agreed to pay so far. */
export interface Cheque {
  readonly till: string
  readonly account: AccountId
  /** The operator's part, in basis points. */
  readonly feeBps: number
  readonly cumulative: Nano
}

/** By the account's owner: start the exit; the money will go to `to`. */
export interface ExitOrder {
  readonly till: string
  readonly account: AccountId
  readonly to: string
  /** The account's nonce, as `account(id)` shows it. */
  readonly nonce: number
}

/** By the account's owner: call the exit off. */
export interface CancelOrder {
  readonly till: string
  readonly account: AccountId
  readonly nonce: number
}

/** By the meter key: this is the final debit of an account whose exit is armed. */
export interface FastOrder {
  readonly till: string
  readonly account: AccountId
  readonly feeBps: number
  readonly debit: Nano
  readonly nonce: number
}

/** By the meter key: money that came without a valid memo goes to `to`. */
export interface OrphanOrder {
  readonly till: string
  readonly to: string
  readonly amount: Nano
  /** The Till's orphan nonce, as `status()` shows it. */
  readonly nonce: number
}

const TAGS = {
  cheque: 0x43484732n,
  voucher: 0x56434831n,
  exit: 0x45584954n,
  cancel: 0x45584341n,
  fast: 0x45584e4fn,
  orphan: 0x4f525046n,
} as const

const ID_BITS = 152

function start(tag: bigint, till: string): BitWriter {
  return new BitWriter().uint(tag, 32).address(till)
}

export function voucherBits(voucher: Voucher): BitCell {
  return start(TAGS.voucher, voucher.till).address(voucher.payee).coins(voucher.cumulative).end()
}

export function chequeBits(cheque: Cheque): BitCell {
  return start(TAGS.cheque, cheque.till)
    .uint(accountNumber(cheque.account), ID_BITS)
    .uint(BigInt(cheque.feeBps), 16)
    .coins(cheque.cumulative)
    .end()
}

export function exitOrderBits(order: ExitOrder): BitCell {
  return start(TAGS.exit, order.till)
    .uint(accountNumber(order.account), ID_BITS)
    .address(order.to)
    .uint(BigInt(order.nonce), 32)
    .end()
}

export function cancelOrderBits(order: CancelOrder): BitCell {
  return start(TAGS.cancel, order.till)
    .uint(accountNumber(order.account), ID_BITS)
    .uint(BigInt(order.nonce), 32)
    .end()
}

export function fastOrderBits(order: FastOrder): BitCell {
  return start(TAGS.fast, order.till)
    .uint(accountNumber(order.account), ID_BITS)
    .uint(BigInt(order.feeBps), 16)
    .coins(order.debit)
    .uint(BigInt(order.nonce), 32)
    .end()
}

export function orphanOrderBits(order: OrphanOrder): BitCell {
  return start(TAGS.orphan, order.till)
    .address(order.to)
    .coins(order.amount)
    .uint(BigInt(order.nonce), 32)
    .end()
}

/** Signs 32 bytes with Ed25519; the key stays with the caller. */
export type Sign = (hash: Bytes) => Promise<Bytes> | Bytes

/** Verifies an Ed25519 signature over 32 bytes. */
export type Verify = (publicKey: Bytes, hash: Bytes, signature: Bytes) => Promise<boolean> | boolean

/** WebCrypto's Ed25519 verification. A key that does not decode verifies nothing. */
export const webVerify: Verify = async (publicKey, hash, signature) => {
  const { subtle } = crypto
  try {
    const key = await subtle.importKey('raw', publicKey, 'Ed25519', false, ['verify'])
    return await subtle.verify('Ed25519', key, signature, hash)
  } catch {
    return false
  }
}

export async function signBits(cell: BitCell, sign: Sign, sha256: Sha256): Promise<Bytes> {
  return sign(await bitCellHash(cell, sha256))
}
