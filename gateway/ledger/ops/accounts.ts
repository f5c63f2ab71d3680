import type { UnixMs, UnixSeconds } from '#base/brand.ts'
import type { Nano } from '#base/nano.ts'
import type { AccountId } from '../../db/ids.ts'
import type { AccountMode, Refused } from './common.ts'

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
  /** The Keys that the id commits to, as JSON; null until its owner opened it. */
  readonly keys: string | null
  /** Set once an exit is armed on chain: the account is closed for new requests (H6). */
  readonly exitAt: UnixSeconds | null
  readonly created: UnixMs
}

/**
 * Forgets accounts that were opened before a time and never had any money, nor a request; their owners may open them again.
 * Of a whole store.
 */
export interface ExpireAccounts {
  readonly op: 'expire_accounts'
  readonly before: UnixMs
  readonly limit: number
}
export type ExpireAccountsResult = { readonly ok: true; readonly expired: readonly AccountId[] }
