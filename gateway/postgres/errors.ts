import { CodedError } from '#base/coded-error.ts'

/**
 * `lost`: the connection broke or could not be made, nothing is known to have happened; retry. `raced`: another writer was
 * faster; the same work again succeeds. `refused`: the database refuses the statement itself, or a check of its own; a
 * bug, or bad data. `unreachable`: at start; the message says what to mend.
 */
export type PostgresErrorCode = 'lost' | 'raced' | 'refused' | 'unreachable'

/** Never holds a parameter, a row or the password: PostgreSQL's own details stay where they arose. */
export class PostgresError extends CodedError<PostgresErrorCode> {}
