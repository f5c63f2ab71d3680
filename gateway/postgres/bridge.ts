import { MessageChannel, receiveMessageOnPort, Worker } from 'node:worker_threads'
import { PostgresError } from './errors.ts'
import { threadUrl } from './thread-url.ts'
import type { WireAnswer, WireRequest, WireRows } from './wire-protocol.ts'
import type { WireThreadData } from './wire-thread.ts'

/** The wire gives every statement up before that: only a thread that died does not answer. */
const PATIENCE_MS = 60_000

/** A database that is asked synchronously. For threads of its own: the asking thread sleeps until the answer is there. */
export interface Bridge {
  /** @throws PostgresError */
  ask(request: WireRequest): WireRows
  close(): Promise<void>
}

export function openBridge(url: string, name: string): Bridge {
  const { port1, port2 } = new MessageChannel()
  const answered = new Int32Array(new SharedArrayBuffer(4))
  const workerData: WireThreadData = { url, name, port: port2, answered }
  const thread = new Worker(threadUrl('wire-thread.ts'), {
    workerData,
    transferList: [port2],
  })
  thread.unref()
  let asked = 0

  function ask(request: WireRequest): WireRows {
    port1.postMessage(request)
    const answer = receive()
    if (!answer.ok) throw new PostgresError(answer.code, answer.message)
    return answer
  }

  function receive(): WireAnswer {
    const isLate = Atomics.wait(answered, 0, asked, PATIENCE_MS) === 'timed-out'
    asked++
    const received = isLate ? undefined : receiveMessageOnPort(port1)
    if (received === undefined) throw new PostgresError('lost', 'the database thread is gone')
    // Sound: wire-thread.ts answers with nothing else.
    return received.message as WireAnswer
  }

  return {
    ask,
    async close() {
      port1.postMessage({ ask: 'close' } satisfies WireRequest)
      receive()
      port1.close()
      await thread.terminate()
    },
  }
}
