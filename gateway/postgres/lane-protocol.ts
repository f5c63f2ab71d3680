import type { Op, Result } from '../ledger/port.ts'
import type { ThreadAnswer } from './call-thread.ts'

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

export type LaneAnswer = ThreadAnswer<readonly Result[]> | LaneNote

export interface LaneData {
  readonly url: string
  readonly hosts: 'here' | 'outbox'
}
