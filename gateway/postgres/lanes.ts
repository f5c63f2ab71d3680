import { Worker } from 'node:worker_threads'
import { LedgerError } from '../ledger/errors.ts'
import type { Ledger, Op, Result, ResultsOf } from '../ledger/port.ts'
import type { LaneAnswer, LaneCall, LaneData } from './lane-protocol.ts'
import { namesOf } from './locks.ts'
import { threadUrl } from './thread-url.ts'

/** Threads with a connection each: while one waits for a flush of the server's disk, the other works. */
const LANES = 2
/** Calls that wait for one thread; more are refused at once, so that a database that is down fills no memory. */
const MAX_WAITING = 10_000

export interface Lanes extends Ledger {
  /** Lets what is under way end, then ends the threads. */
  close(): Promise<void>
}

interface Waiting {
  readonly resolve: (results: readonly Result[]) => void
  readonly reject: (error: Error) => void
}

/**
 * The ledger's port over threads that run its core: calls of one account stay in their order.
 * @param note told how many calls shared a transaction, and its seconds
 */
export function openLanes(data: LaneData, note: (calls: number, seconds: number) => void): Lanes {
  const lanes = Array.from({ length: LANES }, () => openLane(data, note))
  return {
    commit<const Ops extends readonly Op[]>(ops: Ops): Promise<ResultsOf<Ops>> {
      const [name = ''] = ops.flatMap(namesOf)
      const lane = lanes[sumOf(name) % LANES]
      // Sound: the core answers each operation with its own kind of result, in order.
      return lane?.call(ops) as Promise<ResultsOf<Ops>>
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

function openLane(workerData: LaneData, note: (calls: number, seconds: number) => void) {
  const waiting = new Map<number, Waiting>()
  let next = 0
  let thread: Worker | undefined

  function start(): Worker {
    const started = new Worker(threadUrl('ledger-thread.ts'), { workerData })
    started.unref()
    started.on('message', (answer: LaneAnswer) => take(answer))
    started.on('error', () => {})
    started.on('exit', () => {
      if (thread === started) thread = undefined
      for (const { reject } of waiting.values()) reject(unavailable('the ledger’s thread ended'))
      waiting.clear()
    })
    return started
  }

  function take(answer: LaneAnswer): void {
    if (!('id' in answer)) {
      note(answer.calls, answer.seconds)
      return
    }
    const call = waiting.get(answer.id)
    waiting.delete(answer.id)
    if (waiting.size === 0) thread?.unref()
    if (answer.ok) call?.resolve(answer.results)
    else call?.reject(unavailable(answer.message))
  }

  return {
    call(ops: readonly Op[]): Promise<readonly Result[]> {
      if (waiting.size >= MAX_WAITING) return Promise.reject(unavailable('too many calls wait'))
      // A thread that died takes its calls along; the next call has a new one.
      thread ??= start()
      const call: LaneCall = { id: next++, ops }
      // While somebody waits for it the process does not end.
      thread.ref()
      thread.postMessage(call)
      return new Promise((resolve, reject) => waiting.set(call.id, { resolve, reject }))
    },
    async close(): Promise<void> {
      const ending = thread
      if (ending === undefined) return
      const ended = new Promise((resolve) => ending.once('exit', resolve))
      ending.ref()
      ending.postMessage('close')
      await ended
    },
  }
}

function unavailable(message: string): LedgerError {
  return new LedgerError('unavailable', message)
}
