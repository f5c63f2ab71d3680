import { MessageChannel, Worker } from 'node:worker_threads'
import type { Patience } from './connect.ts'
import { PostgresError } from './errors.ts'
import { receiveReply } from './receive-reply.ts'
import { threadUrl } from './thread-url.ts'
import type { WireAnswer, WireCall, WireRequest, WireRows } from './wire-protocol.ts'
import type { WireThreadData } from './wire-thread.ts'

/** Longer than a server takes to give a statement up by itself (connect.ts). */
const ANSWER_MS = 20_000
/** The wire gives every such statement up before that: only a thread that died does not answer. */
const THREAD_MS = 60_000

/** A database that is asked synchronously. For threads of its own: the asking thread sleeps until the answer is there. */
export interface Bridge {
  /** @throws PostgresError */
  ask(request: WireRequest): WireRows
  close(): Promise<void>
}

export function openBridge(url: string, name: string, patience: Patience = ANSWER_MS): Bridge {
  const threadMs = patience === 'endless' ? Number.POSITIVE_INFINITY : THREAD_MS
  const { port1, port2 } = new MessageChannel()
  const answered = new Int32Array(new SharedArrayBuffer(4))
  const workerData: WireThreadData = { url, name, patience, line: { port: port2, answered } }
  const thread = new Worker(threadUrl('wire-thread.ts'), {
    workerData,
    transferList: [port2],
  })
  thread.unref()
  let calls = 0

  function call(request: WireRequest): WireAnswer | undefined {
    const no = calls++
    port1.postMessage({ no, request } satisfies WireCall)
    return receiveReply({ port: port1, answered }, no, threadMs)
  }

  function ask(request: WireRequest): WireRows {
    const answer = call(request)
    if (answer === undefined) throw new PostgresError('lost', 'the database thread is gone')
    if (!answer.ok) throw new PostgresError(answer.code, answer.message)
    return answer
  }

  return {
    ask,
    async close() {
      call({ ask: 'close' })
      port1.close()
      await thread.terminate()
    },
  }
}
