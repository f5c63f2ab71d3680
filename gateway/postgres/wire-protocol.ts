import type { PostgresErrorCode } from './errors.ts'

/** What a statement takes and gives: text, numbers, bytes, null. */
export type Scalar = string | number | null | Uint8Array

export type WireRequest =
  /** Opens a transaction by several statements in one message; answers the last one's rows. */
  | { readonly ask: 'begin'; readonly sql: string }
  /** Several statements, in the transaction if one is open. */
  | { readonly ask: 'script'; readonly sql: string }
  | { readonly ask: 'query'; readonly sql: string; readonly params: readonly Scalar[] }
  /** @param id of the transaction, by which its fate is found out when the answer is lost */
  | { readonly ask: 'commit'; readonly id: string | undefined }
  | { readonly ask: 'rollback' }
  | { readonly ask: 'close' }

export interface WireRows {
  readonly ok: true
  readonly columns: readonly string[]
  readonly rows: readonly (readonly Scalar[])[]
  /** Rows that were written, or given back. */
  readonly count: number
}

export type WireAnswer =
  | WireRows
  | { readonly ok: false; readonly code: PostgresErrorCode; readonly message: string }

/** A request and its answer on their way between two threads, by a number that no other has. */
export interface WireCall {
  readonly no: number
  readonly request: WireRequest
}
export interface WireReply {
  readonly no: number
  readonly answer: WireAnswer
}
