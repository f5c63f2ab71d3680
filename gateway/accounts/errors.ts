import { CodedError } from '#base/coded-error.ts'

/**
 * `invalid_key`: no such key; one code for every way in which it can be wrong. Stop.
 * `revoked_key`, `expired_key`: get another key.
 * `bad_request`: the statement is malformed or its keys are unusable. Fix.
 * `bad_signature`: not signed by the owner key over this gateway's statement. Fix.
 * `stale_statement`: issued too long ago, or used before: sign a new one.
 * `account_exists`: its first key was given out; another one needs an admin key or the owner's signature (C2). Stop.
 * `unknown_account`, `unknown_key`: fix the id. `too_many_keys`: revoke some.
 * `key_is_revoked`: make another key. `too_many_wallets`: take one away. `unknown_wallet`: fix the address.
 */
export type AccountErrorCode =
  | 'invalid_key'
  | 'revoked_key'
  | 'expired_key'
  | 'bad_request'
  | 'bad_signature'
  | 'stale_statement'
  | 'account_exists'
  | 'unknown_account'
  | 'unknown_key'
  | 'too_many_keys'
  | 'key_is_revoked'
  | 'too_many_wallets'
  | 'unknown_wallet'

export class AccountError extends CodedError<AccountErrorCode> {}
