import { CodedError } from '#base/coded-error.ts'

/**
 * - `unreachable`: no answer, or 5xx; retry with back-off.
 * - `rejected`: the gateway refuses what we sent; register again with fresh evidence, with back-off.
 * - `malformed`: the answer is not the protocol's; retry with back-off and tell the operator.
 */
export type LeaseErrorCode = 'unreachable' | 'rejected' | 'malformed'

export class LeaseError extends CodedError<LeaseErrorCode> {
  override readonly name = 'LeaseError'
}
