import type { Op, Result } from '../ledger/port.ts'

/** One call on its way to the thread that runs the ledger. */
export interface LaneCall {
  readonly id: number
  readonly ops: readonly Op[]
}

export type LaneAnswer =
  | { readonly id: number; readonly ok: true; readonly results: readonly Result[] }
  | { readonly id: number; readonly ok: false; readonly message: string }
  /** A transaction ended: how many calls shared it, and how long it took. */
  | { readonly calls: number; readonly seconds: number }

export interface LaneData {
  readonly url: string
  readonly hosts: 'here' | 'outbox'
}
