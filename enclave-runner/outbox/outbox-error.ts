import { CodedError } from '#base/coded-error.ts'

/**
 * - `corrupt`: the journal holds a line that is not ours, and not at its end; stop and look at the file.
 * - `full`: too many receipts wait for their gateway; refuse work until it answers.
 * - `closed`: the outbox was closed; stop.
 */
export type OutboxErrorCode = 'corrupt' | 'full' | 'closed'

export class OutboxError extends CodedError<OutboxErrorCode> {
  override readonly name = 'OutboxError'
}
