import type { UnixMs, UnixSeconds } from '#base/brand.ts'
import type { Nano } from '#base/nano.ts'
import type { Prices, TokenCounts } from '#protocol'
import type { AccountId, KeyId, RequestId, RunnerId, SessionId, TonAddress } from '../../db/ids.ts'
import type { Attempt, Ok, Refused } from './common.ts'
import type { BudgetPeriod } from './keys.ts'

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
export type ReserveResult =
  /** `available`: what is left for further requests. */
  | (Ok & { readonly available: Nano })
  | (Refused<ReserveRefusal> & { readonly available: Nano; readonly budget?: SpentBudget })

/** A key's budget that a request would have overspent. */
export interface SpentBudget {
  readonly period: BudgetPeriod
  readonly most: Nano
  /** Spent and held. */
  readonly used: Nano
  /** When the window ends; null: never. */
  readonly resets: UnixMs | null
}

/**
 * `insufficient_credits`, `daily_cap` (H4: what the Till lets the meter charge today is used up) and `cheque_due`
 * (sovereign: send a cheque first) are 402, as is `key_budget` (the key's own limit); `account_closed` and `unknown_account` are 403; `duplicate` means that the
 * attempt was reserved before with other terms or is over: a bug of the caller.
 */
export type ReserveRefusal =
  | 'insufficient_credits'
  | 'daily_cap'
  | 'cheque_due'
  | 'key_budget'
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
  /** Rounded up; part of `cost`. */
  readonly commission: Nano
  /** The host's part: `cost - commission`. */
  readonly share: Nano
}

/**
 * `unknown_attempt`: never reserved here, or so long ago that it is forgotten. `not_charged`: the attempt failed
 * and another one answered. `wrong_runner`: receipt of somebody else's work. `late_insufficient`: the
 * hold had lapsed and the account, or the key's budget, cannot pay any more; retry later. All others are final.
 */
export type SettleRefusal = 'unknown_attempt' | 'not_charged' | 'wrong_runner' | 'late_insufficient'

/** The attempt failed before its first byte, or was never relayed: gives the hold back. Idempotent. */
export interface Release extends Attempt {
  readonly op: 'release'
  readonly at: UnixMs
  /** Whose word it is that nothing is due: its own attempts alone. Absent: the gateway's. */
  readonly runner?: RunnerId
}
export type ReleaseResult =
  | { readonly ok: true; readonly released: boolean }
  | Refused<'unknown_attempt' | 'wrong_runner'>

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

/** By the attempt; or by the id of its answer (`chatcmpl-…`), which engines choose, among the account's newest. */
export type FindSettlement = { readonly op: 'find_settlement'; readonly account: AccountId } & (
  | { readonly request: RequestId; readonly attempt: number }
  | { readonly answer: string }
)
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
