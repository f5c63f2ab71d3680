import { setTimeout as wait } from 'node:timers/promises'
import { workerData } from 'node:worker_threads'
import type { Patience } from './connect.ts'
import { type ReplyLine, sendReply } from './receive-reply.ts'
import { createWire } from './wire.ts'
import type { WireCall } from './wire-protocol.ts'

/** What the thread that asks hands over: where to connect, and where to answer. */
export interface WireThreadData {
  readonly url: string
  readonly name: string
  readonly patience: Patience
  readonly line: ReplyLine
}

// Sound: bridge.ts starts this file with exactly that.
const { url, name, patience, line } = workerData as WireThreadData
const wire = createWire(url, name, {
  patience,
  now: () => performance.now(),
  wait: async (ms) => void (await wait(ms)),
})

line.port.on('message', async ({ no, request }: WireCall) => {
  sendReply(line, { no, answer: await wire.answer(request) })
  if (request.ask === 'close') line.port.close()
})
