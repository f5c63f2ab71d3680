import { CodedError } from '#base/coded-error.ts'

/**
 * `unavailable`: the store failed (disk, lock): nothing of the call happened; retry.
 * `misrouted`: a call mixes stores: fix the caller.
 */
export type LedgerErrorCode = 'unavailable' | 'misrouted'

/** Holds no parameters: SQLite's own errors stay in `cause`, which is never logged whole. */
export class LedgerError extends CodedError<LedgerErrorCode> {}
