import { Worker, type WorkerOptions } from 'node:worker_threads'
import { LedgerError } from '../ledger/errors.ts'
import { type ThreadSource, threadUrl } from './thread-url.ts'

/** Calls that wait for one thread; more are refused at once, so that a database that is down fills no memory. */
const MAX_WAITING = 10_000

/** What a thread answers to a call. */
export type ThreadAnswer<Value> =
  | { readonly id: number; readonly ok: true; readonly value: Value }
  | { readonly id: number; readonly ok: false; readonly message: string }

export interface Thread<Call, Value> {
  /** @throws LedgerError `unavailable`: the call failed, too many wait, or the thread ended */
  call(call: Call): Promise<Value>
  /** Lets what is under way end, then ends the thread. */
  close(): Promise<void>
}

interface Waiting<Value> {
  readonly resolve: (value: Value) => void
  readonly reject: (error: Error) => void
}

/**
 * A thread that answers calls, started by the first one and again after it died: it takes its calls along.
 * @param hear told what it says unasked
 */
export function openThread<Call extends object, Value, Said extends object>(
  source: ThreadSource,
  workerData: WorkerOptions['workerData'],
  hear: (said: Said) => void,
): Thread<Call, Value> {
  const waiting = new Map<number, Waiting<Value>>()
  let next = 0
  let thread: Worker | undefined

  function start(): Worker {
    const started = new Worker(threadUrl(source), { workerData })
    started.unref()
    started.on('message', take)
    started.on('error', () => {})
    started.on('exit', () => {
      if (thread === started) thread = undefined
      for (const { reject } of waiting.values()) reject(unavailable('the store’s thread ended'))
      waiting.clear()
    })
    return started
  }

  function take(message: ThreadAnswer<Value> | Said): void {
    if (!isAnswer(message)) {
      hear(message)
      return
    }
    const call = waiting.get(message.id)
    waiting.delete(message.id)
    if (waiting.size === 0) thread?.unref()
    if (message.ok) call?.resolve(message.value)
    else call?.reject(unavailable(message.message))
  }

  return {
    call(call) {
      if (waiting.size >= MAX_WAITING) return Promise.reject(unavailable('too many calls wait'))
      thread ??= start()
      const id = next++
      // While somebody waits for it the process does not end.
      thread.ref()
      thread.postMessage({ ...call, id })
      return new Promise((resolve, reject) => waiting.set(id, { resolve, reject }))
    },
    async close() {
      const ending = thread
      if (ending === undefined) return
      const ended = new Promise((resolve) => ending.once('exit', resolve))
      ending.ref()
      ending.postMessage('close')
      await ended
    },
  }
}

function isAnswer<Value>(message: object): message is ThreadAnswer<Value> {
  return 'id' in message
}

function unavailable(message: string): LedgerError {
  return new LedgerError('unavailable', message)
}
