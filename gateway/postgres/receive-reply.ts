import { type MessagePort, receiveMessageOnPort } from 'node:worker_threads'
import type { WireAnswer, WireReply } from './wire-protocol.ts'

/** Where a thread answers the one that sleeps meanwhile. */
export interface ReplyLine {
  readonly port: MessagePort
  /** Counts replies; the thread that asks sleeps on it. */
  readonly answered: Int32Array<SharedArrayBuffer>
}

/**
 * Sleeps until the reply to one call is there. A thread counts a reply, then wakes the sleeper: when it is slow between the two, the
 * sleeper has long taken that reply, and is woken out of its wait for the next. So a wake-up proves nothing; the number does.
 * Replies to calls that were given up are dropped: taken for the next one's they would shift every answer after them.
 * @returns undefined: none came within `patienceMs`
 */
export function receiveReply(
  { port, answered }: ReplyLine,
  no: number,
  patienceMs: number,
): WireAnswer | undefined {
  for (;;) {
    // Read before the queue: a reply that comes in between lets the wait return at once.
    const seen = Atomics.load(answered, 0)
    const received = receiveMessageOnPort(port)
    if (received === undefined) {
      if (Atomics.wait(answered, 0, seen, patienceMs) === 'timed-out') return undefined
      continue
    }
    // Sound: wire-thread.ts posts nothing else.
    const reply = received.message as WireReply
    if (reply.no === no) return reply.answer
  }
}

/** The other side of it. */
export function sendReply({ port, answered }: ReplyLine, reply: WireReply): void {
  port.postMessage(reply)
  Atomics.add(answered, 0, 1)
  Atomics.notify(answered, 0)
}
