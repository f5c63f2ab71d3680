import type { UnixMs, UnixSeconds } from '#base/brand.ts'
import type { Nano } from '#base/nano.ts'
import type { AccountId, KeyId } from '../../db/ids.ts'
import type { AccountMode, Ok, Refused } from './common.ts'

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
