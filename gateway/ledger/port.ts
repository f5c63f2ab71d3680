import type { UnixMs, UnixSeconds } from '#base/brand.ts'
import type { Nano } from '#base/nano.ts'
import type { Prices, TokenCounts } from '#protocol'
import type { AccountId, KeyId, RequestId, RunnerId, SessionId, TonAddress } from '../db/ids.ts'
import type { HostEntry } from './host-side.ts'

/**
 * The one door to money: every operation of an account's store, as data. `commit` applies a list in one durable
 * transaction, in order. A refusal (`ok: false`) is a result and undoes nothing else; an exception undoes the
 * whole call and nothing of other calls.
 */
export interface Ledger {
  commit<const Ops extends readonly Op[]>(ops: Ops): Promise<ResultsOf<Ops>>
}

/** 0 managed: the meter key may charge, bounded by a daily cap. Sovereign: only the developer's cheques charge. */
export type AccountMode = 'managed' | 'sovereign'

/** One attempt at a request: what a hold, a receipt and a settlement are about (H21). */
export interface Attempt {
  readonly account: AccountId
  readonly request: RequestId
  /** From 1. */
  readonly attempt: number
}

// --- accounts and keys

export interface OpenAccount {
  readonly op: 'open_account'
  readonly account: AccountId
  readonly mode: AccountMode
  /** The Keys that the id commits to, as JSON; null when money came before its owner. */
  readonly keys: string | null
  readonly at: UnixMs
}
export type OpenAccountResult = { readonly ok: true; readonly created: boolean }

export interface ReadAccount {
  readonly op: 'read_account'
  readonly account: AccountId
}
export type ReadAccountResult =
  | { readonly ok: true; readonly account: AccountState }
  | Refused<'unknown_account'>

export interface AccountState {
  readonly id: AccountId
  readonly mode: AccountMode
  /** What new requests may reserve from. */
  readonly available: Nano
  /** Reserved by requests whose receipt is not in yet. */
  readonly held: Nano
  /** Everything the Till ever credited, as last seen at a final block. */
  readonly credited: Nano
  /** Everything that settlements ever cost. */
  readonly settled: Nano
  /** What the Till has already debited: part of `settled`. */
  readonly collected: Nano
  /** What exits took out. */
  readonly paidOut: Nano
  /** Sovereign accounts: the latest cheque's cumulative amount. */
  readonly cheque: Nano
  /** Set once an exit is armed on chain: the account is closed for new requests (H6). */
  readonly exitAt: UnixSeconds | null
  readonly created: UnixMs
}

/** A key as stored: the SHA-256 of its text, never the text. */
export interface StoredKey {
  readonly id: KeyId
  /** Lower-case hex SHA-256 of the whole key. */
  readonly hash: string
  readonly name: string
  /** `sk-coc-…abcd` for lists. */
  readonly masked: string
  /** Only sealed requests are accepted with it. */
  readonly sealedOnly: boolean
  readonly expires: UnixMs | null
  readonly revoked: UnixMs | null
  readonly created: UnixMs
}

export interface AddKey {
  readonly op: 'add_key'
  readonly account: AccountId
  readonly key: StoredKey
}
export type AddKeyResult = Ok | Refused<'unknown_account' | 'too_many_keys'>

export interface FindKey {
  readonly op: 'find_key'
  readonly account: AccountId
  readonly hash: string
}
export type FindKeyResult =
  | { readonly ok: true; readonly key: StoredKey; readonly mode: AccountMode }
  | Refused<'unknown_key'>

export interface ListKeys {
  readonly op: 'list_keys'
  readonly account: AccountId
}
export type ListKeysResult = { readonly ok: true; readonly keys: readonly StoredKey[] }

export interface ChangeKey {
  readonly op: 'change_key'
  readonly account: AccountId
  readonly id: KeyId
  readonly name?: string
  readonly sealedOnly?: boolean
  /** Revokes for good; a second time changes nothing. */
  readonly revoked?: UnixMs
}
export type ChangeKeyResult =
  | { readonly ok: true; readonly key: StoredKey }
  | Refused<'unknown_key'>

// --- requests

/**
 * What a runner offers and what it costs: made once per lease and reused, since its identity is what the ledger
 * remembers it by.
 */
export interface Terms {
  readonly model: string
  readonly runner: RunnerId
  readonly session: SessionId
  readonly payee: TonAddress
  /** The developer's price, commission included; settlement uses it whatever happens meanwhile (M2). */
  readonly price: Prices
  /** Part of the cost that is the operator's, in basis points. */
  readonly commissionBps: number
}

/** Holds an upper bound of the cost before anything is relayed. Idempotent per attempt. */
export interface Reserve extends Attempt {
  readonly op: 'reserve'
  readonly key: KeyId | null
  readonly amount: Nano
  readonly terms: Terms
  /** Without a receipt until then, the hold is released. */
  readonly deadline: UnixSeconds
  readonly at: UnixMs
}
export type ReserveResult = Ok | (Refused<ReserveRefusal> & { readonly available: Nano })

/**
 * `insufficient_credits`, `daily_cap` (H4: what the Till lets the meter charge today is used up) and `cheque_due`
 * (sovereign: send a cheque first) are 402; `account_closed` and `unknown_account` are 403; `duplicate` means that the
 * attempt was reserved before with other terms or is over: a bug of the caller.
 */
export type ReserveRefusal =
  | 'insufficient_credits'
  | 'daily_cap'
  | 'cheque_due'
  | 'account_closed'
  | 'unknown_account'
  | 'duplicate'

export interface Usage extends TokenCounts {
  readonly reasoning_tokens: number
}

/** Charges what a receipt says, at the reservation's price, once per attempt. */
export interface Settle extends Attempt {
  readonly op: 'settle'
  /** Must be the runner and payee of the hold. */
  readonly runner: RunnerId
  readonly payee: TonAddress
  readonly usage: Usage
  readonly stop: 'normal' | 'length' | 'aborted' | 'error'
  readonly at: UnixMs
  /** The signed receipt as JSON, kept in the same transaction. */
  readonly receipt: string
}
export type SettleResult = ({ readonly ok: true } & Settlement) | Refused<SettleRefusal>

export interface Settlement {
  /** The attempt was settled before: the numbers are those of then. */
  readonly duplicate: boolean
  /** The hold's deadline had passed; the cost came from what was available. */
  readonly late: boolean
  readonly cost: Nano
  /** Floored; part of `cost`. */
  readonly commission: Nano
  /** The host's part: `cost - commission`. */
  readonly share: Nano
}

/**
 * `unknown_attempt`: never reserved here, or so long ago that it is forgotten. `not_charged`: the attempt failed
 * and another one answered. `wrong_runner`: receipt of somebody else's work. `late_insufficient`: the
 * hold had lapsed and the account cannot pay any more; retry later. All others are final.
 */
export type SettleRefusal = 'unknown_attempt' | 'not_charged' | 'wrong_runner' | 'late_insufficient'

/** The attempt failed before its first byte, or was never relayed: gives the hold back. Idempotent. */
export interface Release extends Attempt {
  readonly op: 'release'
  readonly at: UnixMs
}
export type ReleaseResult =
  | { readonly ok: true; readonly released: boolean }
  | Refused<'unknown_attempt'>

/**
 * The store's timer, about once a second: releases holds whose deadline has passed, forgets those too old for a late
 * receipt, and sorts new settlements into their indexes.
 */
export interface Maintain {
  readonly op: 'maintain'
  readonly now: UnixSeconds
}
export type MaintainResult = {
  readonly ok: true
  readonly lapsed: number
  /** The earliest deadline of an open hold. */
  readonly next: UnixSeconds | null
}

/** A settlement as its account may see it. */
export interface SettledRequest extends Omit<Terms, 'commissionBps'> {
  /** Ascends in time within an account. */
  readonly id: number
  readonly request: RequestId
  readonly attempt: number
  readonly key: KeyId | null
  readonly usage: Usage
  readonly stop: Settle['stop']
  readonly reserved: Nano
  readonly cost: Nano
  readonly commission: Nano
  readonly late: boolean
  readonly reservedAt: UnixMs
  readonly settledAt: UnixMs
}

export interface FindSettlement {
  readonly op: 'find_settlement'
  readonly account: AccountId
  readonly request: RequestId
  readonly attempt: number
}
export type FindSettlementResult =
  | { readonly ok: true; readonly settlement: SettledRequest; readonly receipt: string }
  | Refused<'unknown_attempt'>

export interface ListSettlements {
  readonly op: 'list_settlements'
  readonly account: AccountId
  /** Only those before this id; null starts at the newest. */
  readonly before: number | null
  readonly limit: number
}
export type ListSettlementsResult = {
  readonly ok: true
  /** Newest first. */
  readonly settlements: readonly SettledRequest[]
}

// --- what the chain says

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
  readonly cumulative: Nano
  readonly signature: string
  readonly at: UnixMs
}
export type AcceptChequeResult =
  | { readonly ok: true; readonly cumulative: Nano }
  | Refused<'unknown_account' | 'not_sovereign' | 'above_credit'>

// --- the host's side

export interface ReadHost {
  readonly op: 'read_host'
  readonly payee: TonAddress
}
export interface HostState {
  readonly payee: TonAddress
  /** Shares of all settlements. */
  readonly earned: Nano
  /** The part of it whose debits the Till has collected: vouchers cover no more (H1). */
  readonly collected: Nano
  /** The latest voucher's cumulative amount. */
  readonly vouchered: Nano
  /** What the Till has paid out to the payee. */
  readonly redeemed: Nano
}
export type ReadHostResult = { readonly ok: true; readonly host: HostState }

/** The Till's `payee_paid` at a final block; cumulative. */
export interface MirrorHost {
  readonly op: 'mirror_host'
  readonly payee: TonAddress
  readonly redeemed: Nano
  readonly at: UnixMs
}
export type MirrorHostResult = { readonly ok: true; readonly redeemed: Nano }

// --- paper for the chain: stored before its signature leaves the process

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

/** What the watcher saw, newest first: an account's deposits, or everything of one kind for the operator. */
export interface ListEvents {
  readonly op: 'list_events'
  readonly of: { readonly account: AccountId } | { readonly kind: ChainEvent['kind'] }
  /** Only those before this logical time; null starts at the newest. */
  readonly before: bigint | null
  readonly limit: number
}
export type ListEventsResult = { readonly ok: true; readonly events: readonly ChainEvent[] }

// --- two stores: a Durable Object per account and one per host

/** A host's entries that wait in an account's store. */
export interface ReadOutbox {
  readonly op: 'read_outbox'
  readonly limit: number
}
export type ReadOutboxResult = { readonly ok: true; readonly entries: readonly HostEntry[] }

/** Applies entries to the host's store, each once however often it comes. */
export interface ApplyOutbox {
  readonly op: 'apply_outbox'
  readonly entries: readonly HostEntry[]
}
export type ApplyOutboxResult = { readonly ok: true; readonly applied: number }

/** Forgets entries that the host's store has applied, and clears them here. */
export interface AckOutbox {
  readonly op: 'ack_outbox'
  readonly keys: readonly string[]
}

// --- the whole store

/** Re-derives every balance from the postings and open holds and reports each difference. */
export interface Audit {
  readonly op: 'audit'
}
export type AuditResult = { readonly ok: true } & AuditReport
export interface AuditReport {
  readonly accounts: number
  readonly available: Nano
  readonly held: Nano
  /** What is on its way to hosts: shares and commission not yet applied on the host's side. */
  readonly clearing: Nano
  readonly hosts: Nano
  readonly fees: Nano
  /** Empty when every invariant holds; each names the rule and the id. */
  readonly broken: readonly string[]
}

export interface Ok {
  readonly ok: true
}
export interface Refused<Code extends string> {
  readonly ok: false
  readonly code: Code
}

interface Outcomes {
  open_account: [OpenAccount, OpenAccountResult]
  read_account: [ReadAccount, ReadAccountResult]
  add_key: [AddKey, AddKeyResult]
  find_key: [FindKey, FindKeyResult]
  list_keys: [ListKeys, ListKeysResult]
  change_key: [ChangeKey, ChangeKeyResult]
  reserve: [Reserve, ReserveResult]
  settle: [Settle, SettleResult]
  release: [Release, ReleaseResult]
  maintain: [Maintain, MaintainResult]
  find_settlement: [FindSettlement, FindSettlementResult]
  list_settlements: [ListSettlements, ListSettlementsResult]
  mirror_account: [MirrorAccount, MirrorAccountResult]
  accept_cheque: [AcceptCheque, AcceptChequeResult]
  read_host: [ReadHost, ReadHostResult]
  mirror_host: [MirrorHost, MirrorHostResult]
  record_charge: [RecordCharge, RecordChargeResult]
  record_voucher: [RecordVoucher, RecordVoucherResult]
  advance_cursor: [AdvanceCursor, AdvanceCursorResult]
  list_events: [ListEvents, ListEventsResult]
  read_outbox: [ReadOutbox, ReadOutboxResult]
  apply_outbox: [ApplyOutbox, ApplyOutboxResult]
  ack_outbox: [AckOutbox, Ok]
  audit: [Audit, AuditResult]
}

export type OpName = keyof Outcomes
export type Op = Outcomes[OpName][0]
export type Result = Outcomes[OpName][1]
export type OpOf<Name extends OpName> = Outcomes[Name][0]
export type ResultOf<O extends Op> = Outcomes[O['op']][1]
export type ResultsOf<Ops extends readonly Op[]> = {
  readonly [I in keyof Ops]: Ops[I] extends Op ? ResultOf<Ops[I]> : never
}
