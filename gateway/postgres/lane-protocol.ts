import type { Op } from '../ledger/port.ts'

/** One call on its way to the thread that runs the ledger. */
export interface LaneCall {
  readonly id: number
  readonly ops: readonly Op[]
}

/** A transaction ended: how many calls shared it, and how long it took. */
export interface LaneNote {
  readonly calls: number
  readonly seconds: number
}

export interface LaneData {
  readonly url: string
  readonly hosts: 'here' | 'outbox'
}
