import { MessageChannel, Worker } from 'node:worker_threads'
import { afterEach, expect, test } from 'vitest'
import { type ReplyLine, receiveReply } from './receive-reply.ts'
import type { WireRows } from './wire-protocol.ts'

const PATIENCE_MS = 10_000
let threads: Worker[] = []

afterEach(async () => {
  await Promise.all(threads.map((thread) => thread.terminate()))
  threads = []
})

/** @param answer what the thread does with the number of a call: `reply(no)`, `wake()`, `after(ms, work)` are at hand */
function openThread(answer: string): ReplyLine & { ask(no: number): void } {
  const { port1, port2 } = new MessageChannel()
  const answered = new Int32Array(new SharedArrayBuffer(4))
  const source = `
    const { port, answered } = require('node:worker_threads').workerData
    const wake = () => Atomics.notify(answered, 0)
    const rows = (no) => ({ ok: true, columns: [], rows: [[no]], count: 1 })
    const post = (no) => (port.postMessage({ no, answer: rows(no) }), Atomics.add(answered, 0, 1))
    const reply = (no) => (post(no), wake())
    const after = (ms, work) => setTimeout(work, ms)
    port.on('message', (no) => { ${answer} })`
  const workerData = { port: port2, answered }
  threads.push(new Worker(source, { eval: true, workerData, transferList: [port2] }))
  return { port: port1, answered, ask: (no) => port1.postMessage(no) }
}

function rowOf(line: ReplyLine, no: number): unknown {
  const answer = receiveReply(line, no, PATIENCE_MS)
  // Sound: the thread above replies with nothing else.
  return (answer as WireRows | undefined)?.rows[0]?.[0]
}

test('being woken late for the reply before is no reply', () => {
  const line = openThread('after(30, wake); after(90, () => reply(no))')
  line.ask(1)
  expect(rowOf(line, 1)).toBe(1)
})

test('the reply to a call that was given up is not the next one’s', () => {
  const line = openThread('if (no === 2) { reply(1); after(30, () => reply(2)) }')
  line.ask(1)
  expect(receiveReply(line, 1, 20)).toBeUndefined()
  line.ask(2)
  expect(rowOf(line, 2)).toBe(2)
})

test('every call gets its own reply', () => {
  const line = openThread('reply(no)')
  for (let no = 1; no <= 2_000; no++) {
    line.ask(no)
    expect(rowOf(line, no)).toBe(no)
  }
})
