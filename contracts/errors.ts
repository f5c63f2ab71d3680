import { CodedError } from '#base/coded-error.ts'

/**
 * What a caller of the wrappers did wrong. Every code means: fix the input.
 * - `bad_account_id`: not a memo, or its check does not match
 * - `bad_keys`: a field of an account's keys is malformed or missing
 * - `small_order_key`: an Ed25519 key under which anyone can forge signatures
 * - `bad_address`: not a raw basechain address
 * - `bad_amount`: not a whole, non-negative number of nanoTON below 2^120
 * - `bad_config`: a deployment that would break the contract's promises
 * - `batch_too_large`: more accounts in a charge than the contract takes
 * - `wrong_mode`: a managed operation on a sovereign account, or the reverse
 */
export type ContractErrorCode =
  | 'bad_account_id'
  | 'bad_keys'
  | 'small_order_key'
  | 'bad_address'
  | 'bad_amount'
  | 'bad_config'
  | 'batch_too_large'
  | 'wrong_mode'

export class ContractError extends CodedError<ContractErrorCode> {
  override readonly name = 'ContractError'
}
