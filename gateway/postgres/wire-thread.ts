import { setTimeout as wait } from 'node:timers/promises'
import { type MessagePort, workerData } from 'node:worker_threads'
import { createWire } from './wire.ts'
import type { WireRequest } from './wire-protocol.ts'

/** What the thread that asks hands over: where to connect, and where to answer. */
export interface WireThreadData {
  readonly url: string
  readonly name: string
  readonly port: MessagePort
  /** Counts answers: the thread that asks sleeps on it. */
  readonly answered: Int32Array
}

// Sound: bridge.ts starts this file with exactly that.
const { url, name, port, answered } = workerData as WireThreadData
const wire = createWire(url, name, {
  now: () => performance.now(),
  wait: async (ms) => void (await wait(ms)),
})

port.on('message', async (request: WireRequest) => {
  port.postMessage(await wire.answer(request))
  Atomics.add(answered, 0, 1)
  Atomics.notify(answered, 0)
  if (request.ask === 'close') port.close()
})
