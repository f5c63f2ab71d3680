import { Worker } from 'node:worker_threads'

/** Sees from another thread that an input does not end: no code of this thread runs then. */
export interface Watchdog {
  /** @param input what is about to be run */
  note(target: string, input: Uint8Array): void
  close(): Promise<void>
}

const MOST_BYTES = 1 << 20
/** No input that ends takes so long, on however busy a machine. */
const STUCK_SECONDS = 120

const WATCH = `
const { workerData } = require('node:worker_threads')
const { mkdirSync, writeFileSync } = require('node:fs')
const { state, bytes, folder, seconds } = workerData
let last = -1
let same = 0
setInterval(() => {
  const now = Atomics.load(state, 0)
  same = now === last ? same + 1 : 0
  last = now
  if (same < seconds) return
  mkdirSync(folder, { recursive: true })
  const name = Buffer.from(bytes.slice(0, state[1])).toString()
  const file = folder + '/stuck.bin'
  writeFileSync(file, bytes.slice(state[1], state[1] + state[2]))
  process.stdout.write("FINDING " + name + ": does not end\\n  node tests/fuzz/main.ts --target '" + name + "' --input " + file + "\\n")
  process.kill(process.pid, 'SIGKILL')
}, 1000)
`

/** @param folder where the input is left that does not end */
export function startWatchdog(folder: string): Watchdog {
  const state = new Int32Array(new SharedArrayBuffer(12))
  const bytes = new Uint8Array(new SharedArrayBuffer(MOST_BYTES))
  const workerData = { state, bytes, folder, seconds: STUCK_SECONDS }
  const worker = new Worker(WATCH, { eval: true, workerData })
  worker.unref()
  const encoder = new TextEncoder()
  let named = ''
  let nameLength = 0
  return {
    note(target, input) {
      if (target !== named) {
        const name = encoder.encode(target)
        bytes.set(name)
        named = target
        nameLength = name.length
      }
      bytes.set(input.subarray(0, MOST_BYTES - nameLength), nameLength)
      state[1] = nameLength
      state[2] = Math.min(input.length, MOST_BYTES - nameLength)
      Atomics.add(state, 0, 1)
    },
    close: async () => {
      await worker.terminate()
    },
  }
}
