import { CodedError } from '#base/coded-error.ts'

/**
 * - `device_missing`: no TEE device, or no permission; stop and fix the machine (`cocoon doctor`).
 * - `device_raced`: another process kept using the device; retry later.
 * - `device_malformed`: the device answered something that is no evidence; stop.
 * - `device_failed`: a tool of the GPU's maker failed or hung; look at its own log, restart the machine.
 * - `gpu_unsafe`: confidential mode is off or development tools are on; set the mode on the host, restart.
 * - `gpu_changed`: other GPUs than those that the keys were attested with; the runner makes new keys.
 * - `busy`: too many quotes wait; retry later.
 */
export type QuoteErrorCode =
  | 'device_missing'
  | 'device_raced'
  | 'device_malformed'
  | 'device_failed'
  | 'gpu_unsafe'
  | 'gpu_changed'
  | 'busy'

export class QuoteError extends CodedError<QuoteErrorCode> {
  override readonly name = 'QuoteError'
}
