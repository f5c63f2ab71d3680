import type { UnixMs, UnixSeconds } from '#base/brand.ts'
import type { Nano } from '#base/nano.ts'
import type { AccountId, TonAddress } from '../../db/ids.ts'
import type { AccountMode, Ok, Refused } from './common.ts'

/** The Till's `account(id)` at a final block, mirrored: all counters are cumulative, so repeats do nothing. */
export interface MirrorAccount {
  readonly op: 'mirror_account'
  readonly account: AccountId
  readonly mode: AccountMode
  readonly credit: Nano
  readonly debit: Nano
  readonly paidOut: Nano
  readonly exitAt: UnixSeconds | null
  /** What the meter may still charge in this window, and when the window ends; null: no cap. */
  readonly cap: { readonly left: Nano; readonly daily: Nano; readonly resets: UnixSeconds } | null
  /** Masterchain seqno of the observation; an older one changes no cap and no exit. */
  readonly seqno: number
  readonly at: UnixMs
}
export type MirrorAccountResult = {
  readonly ok: true
  /** Newly credited by this observation. */
  readonly credited: Nano
  /** Newly known as collected from settled usage. */
  readonly collected: Nano
  readonly available: Nano
}

/** A sovereign account's cheque whose signature the caller has verified. */
export interface AcceptCheque {
  readonly op: 'accept_cheque'
  readonly account: AccountId
  /** The operator's part that it was signed with, in basis points. */
  readonly feeBps: number
  readonly cumulative: Nano
  readonly signature: string
  readonly at: UnixMs
}
/** `above_used`: far ahead of what was used; it could not be collected without taking too much. */
export type AcceptChequeResult =
  | { readonly ok: true; readonly cumulative: Nano }
  | Refused<'unknown_account' | 'not_sovereign' | 'above_credit' | 'above_used'>

/** A signed batch of cumulative debits, at most 20 accounts (H2). */
export interface RecordCharge {
  readonly op: 'record_charge'
  readonly till: TonAddress
  readonly items: readonly { readonly account: AccountId; readonly cumulative: Nano }[]
  /** The signed cell, a bag of cells in base64. */
  readonly batch: string
  readonly signature: string
  readonly at: UnixMs
}
/** `above_settled`: a charge may ask for settled usage only. */
export type RecordChargeResult =
  | { readonly ok: true; readonly charge: number }
  | Refused<'above_settled'>

/** A signed cumulative payment order. */
export interface RecordVoucher {
  readonly op: 'record_voucher'
  readonly till: TonAddress
  readonly payee: TonAddress
  readonly cumulative: Nano
  readonly signature: string
  readonly at: UnixMs
}
/** `above_collected`: a voucher covers only debits that the Till has collected (H1). */
export type RecordVoucherResult = Ok | Refused<'above_collected'>

/** A transaction of the Till as the watcher read it. */
export interface ChainEvent {
  readonly lt: bigint
  readonly hash: string
  readonly kind: 'deposit' | 'orphan' | 'returned' | 'unattributed' | 'operation'
  readonly account: AccountId | null
  readonly sender: TonAddress | null
  readonly value: Nano
  readonly reason: string | null
  readonly time: UnixSeconds
}

export interface ChainCursor {
  readonly lt: bigint
  /** Lower-case hex. */
  readonly hash: string
}

/**
 * Moves the cursor of a contract over transactions that connect to it without a gap, in the same call as the
 * observations that they caused.
 */
export interface AdvanceCursor {
  readonly op: 'advance_cursor'
  readonly address: TonAddress
  /** Null at the first time. */
  readonly from: ChainCursor | null
  readonly to: ChainCursor
  readonly events: readonly ChainEvent[]
}
/** `moved`: another process advanced it; read again. */
export type AdvanceCursorResult = Ok | Refused<'moved'>

/** Transactions below the cursor that a provider had hidden: kept once they are found. */
export interface RestoreEvents {
  readonly op: 'restore_events'
  readonly address: TonAddress
  readonly events: readonly ChainEvent[]
}

/** What the watcher saw, newest first: an account's deposits, or everything of one kind for the operator. */
export interface ListEvents {
  readonly op: 'list_events'
  readonly of: { readonly account: AccountId } | { readonly kind: ChainEvent['kind'] }
  /** Only those before this logical time; null starts at the newest. */
  readonly before: bigint | null
  readonly limit: number
}
export type ListEventsResult = { readonly ok: true; readonly events: readonly ChainEvent[] }

/**
 * What a deposit that was seen waits for: `agreement`, that all providers show the same; `final_block`, that the provider
 * shows a block which covers it; `provider`, that it answers.
 */
export type WaitsFor = 'agreement' | 'final_block' | 'provider'

/** A deposit that stands on chain and is not credited yet. */
export interface WaitingDeposit {
  readonly lt: bigint
  /** Lower-case hex. */
  readonly hash: string
  readonly account: AccountId
  readonly value: Nano
  readonly time: UnixSeconds
}

/** Says which deposits the watcher saw and cannot take over now, in place of what it said before. */
export interface NoteWaiting {
  readonly op: 'note_waiting'
  readonly address: TonAddress
  readonly waitsFor: WaitsFor
  readonly deposits: readonly WaitingDeposit[]
}

/** Deposits of an account that wait, oldest first. */
export interface ListWaiting {
  readonly op: 'list_waiting'
  readonly of: { readonly account: AccountId }
}
export type ListWaitingResult = {
  readonly ok: true
  readonly deposits: readonly (WaitingDeposit & { readonly waitsFor: WaitsFor })[]
}
