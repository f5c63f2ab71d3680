import type { AccountId, RequestId } from '../../db/ids.ts'

/** 0 managed: the meter key may charge, bounded by a daily cap. Sovereign: only the developer's cheques charge. */
export type AccountMode = 'managed' | 'sovereign'

/** One attempt at a request: what a hold, a receipt and a settlement are about (H21). */
export interface Attempt {
  readonly account: AccountId
  readonly request: RequestId
  /** From 1. */
  readonly attempt: number
}

export interface Ok {
  readonly ok: true
}
export interface Refused<Code extends string> {
  readonly ok: false
  readonly code: Code
}
