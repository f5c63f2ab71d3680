import type { UnixMs } from '#base/brand.ts'
import type { Nano } from '#base/nano.ts'
import type { AccountId, TonAddress } from '../../db/ids.ts'
import type { Ok, Refused } from './common.ts'

/**
 * Closes an account for new requests because its owner wants its money. The caller has verified the owner's signature, or
 * seen the exit armed on chain (`order: null`).
 */
export interface OrderExit {
  readonly op: 'order_exit'
  readonly account: AccountId
  readonly till: TonAddress
  readonly order: { readonly to: TonAddress; readonly signature: string } | null
  /** The account's nonce at the Till: what the order names, or what an armed exit has. */
  readonly nonce: number
  readonly at: UnixMs
}
/**
 * `exit_ordered`: another order is under way; cancel it first. The same one again is fine. `too_often`: the gateway pays
 * for so many orders of an account a day; more its owner sends to the Till alone.
 */
export type OrderExitResult = Ok | Refused<'unknown_account' | 'exit_ordered' | 'too_often'>

/** Keeps the owner's verified word that the exit is off. The account opens again once the Till has taken it. */
export interface CancelExit {
  readonly op: 'cancel_exit'
  readonly account: AccountId
  readonly nonce: number
  readonly signature: string
}
export type CancelExitResult = Ok | Refused<'no_exit'>

export interface ReadExit {
  readonly op: 'read_exit'
  readonly account: AccountId
}
/** What is known here of an exit; the Till knows the rest. */
export interface OrderedExit {
  readonly account: AccountId
  readonly till: TonAddress
  readonly to: TonAddress | null
  readonly nonce: number
  readonly signature: string | null
  readonly cancel: { readonly nonce: number; readonly signature: string } | null
  readonly final: {
    readonly nonce: number
    readonly debit: Nano
    readonly signature: string
  } | null
  readonly at: UnixMs
}
export type ReadExitResult = { readonly ok: true; readonly exit: OrderedExit | null }

/** Stores the meter key's word on the final debit before it leaves. */
export interface SignFinal {
  readonly op: 'sign_final'
  readonly account: AccountId
  readonly nonce: number
  readonly debit: Nano
  readonly signature: string
}
/** `unsettled`: requests are open, or more was settled than the debit covers. */
export type SignFinalResult = Ok | Refused<'no_exit' | 'unsettled'>

/** The exit was paid, called off or has lapsed: the account is open again. */
export interface CloseExit {
  readonly op: 'close_exit'
  readonly account: AccountId
}
