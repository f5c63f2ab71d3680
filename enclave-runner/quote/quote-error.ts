import { CodedError } from '#base/coded-error.ts'

/**
 * - `device_missing`: no TEE device, or no permission; stop and fix the machine (`cocoon doctor`).
 * - `device_raced`: another process kept using the device; retry later.
 * - `device_malformed`: the device answered something that is no evidence; stop.
 * - `busy`: too many quotes wait; retry later.
 */
export type QuoteErrorCode = 'device_missing' | 'device_raced' | 'device_malformed' | 'busy'

export class QuoteError extends CodedError<QuoteErrorCode> {
  override readonly name = 'QuoteError'
}
