import type { Ledger, Op, Result, ResultsOf } from '../ledger/port.ts'
import { openThread } from './call-thread.ts'
import type { LaneCall, LaneData, LaneNote } from './lane-protocol.ts'
import { namesOf } from './locks.ts'

/** Threads with a connection each: while one waits for a flush of the server's disk, the other works. */
const LANES = 2

export interface Lanes extends Ledger {
  /** Lets what is under way end, then ends the threads. */
  close(): Promise<void>
}

/**
 * The ledger's port over threads that run its core: calls of one account stay in their order.
 * @param note told how many calls shared a transaction, and its seconds
 */
export function openLanes(data: LaneData, note: (calls: number, seconds: number) => void): Lanes {
  const lanes = Array.from({ length: LANES }, () =>
    openThread<Omit<LaneCall, 'id'>, readonly Result[], LaneNote>(
      'ledger-thread.ts',
      data,
      ({ calls, seconds }) => note(calls, seconds),
    ),
  )
  return {
    commit<const Ops extends readonly Op[]>(ops: Ops): Promise<ResultsOf<Ops>> {
      const [name = ''] = ops.flatMap(namesOf)
      const lane = lanes[sumOf(name) % LANES]
      // Sound: the core answers each operation with its own kind of result, in order.
      return lane?.call({ ops }) as Promise<ResultsOf<Ops>>
    },
    async close() {
      await Promise.all(lanes.map((lane) => lane.close()))
    },
  }
}

function sumOf(name: string): number {
  let sum = 0
  for (let i = 0; i < name.length; i++) sum += name.charCodeAt(i)
  return sum
}
