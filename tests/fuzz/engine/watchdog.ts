import { Worker } from 'node:worker_threads'

/** Sees from another thread that an input does not end: no code of the thread that runs it does then. */
export interface Watchdog {
  /** @param input what is about to be run */
  note(target: string, input: Uint8Array): void
  /** For other threads that run inputs: see `noteTo`. */
  readonly watched: Watched
  close(): Promise<void>
}

/** Memory that threads share: counter, length of the name, length of the input; then both. */
export interface Watched {
  readonly state: Int32Array
  readonly bytes: Uint8Array
}

const MOST_BYTES = 1 << 20
/** Of processor, not of the clock: no input that ends takes so much, and a busy machine gives it none. */
const STUCK_SECONDS = 60
const WATCH = `
const { workerData } = require('node:worker_threads')
const { mkdirSync, writeFileSync } = require('node:fs')
const { watched: { state, bytes }, folder, seconds } = workerData
let last = -1
let since = 0
setInterval(() => {
  const { user, system } = process.cpuUsage()
  const used = (user + system) / 1_000_000
  const now = Atomics.load(state, 0)
  if (now !== last) since = used
  last = now
  if (used - since < seconds) return
  mkdirSync(folder, { recursive: true })
  const name = Buffer.from(bytes.slice(0, state[1])).toString()
  const file = folder + '/stuck-' + process.pid + '.bin'
  writeFileSync(file, bytes.slice(state[1], state[1] + state[2]))
  process.stdout.write("FINDING " + name + ": does not end\\n  node tests/fuzz/main.ts --target '" + name + "' --input " + file + "\\n")
  process.kill(process.pid, 'SIGKILL')
}, 1000)
`

/** @param folder where the input is left that does not end */
export function startWatchdog(folder: string): Watchdog {
  const watched = {
    state: new Int32Array(new SharedArrayBuffer(12)),
    bytes: new Uint8Array(new SharedArrayBuffer(MOST_BYTES)),
  }
  const workerData = { watched, folder, seconds: STUCK_SECONDS }
  const worker = new Worker(WATCH, { eval: true, workerData })
  worker.unref()
  return {
    note: noteTo(watched),
    watched,
    close: async () => {
      await worker.terminate()
    },
  }
}

export function noteTo({ state, bytes }: Watched): Watchdog['note'] {
  const encoder = new TextEncoder()
  let named: string | undefined
  let nameLength = 0
  return (target, input) => {
    if (target !== named) {
      const name = encoder.encode(target)
      bytes.set(name)
      nameLength = name.length
      named = target
    }
    const length = Math.min(input.length, MOST_BYTES - nameLength)
    bytes.set(input.subarray(0, length), nameLength)
    state[1] = nameLength
    state[2] = length
    Atomics.add(state, 0, 1)
  }
}
