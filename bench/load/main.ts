/**
 * usage: node bench/load/main.ts [--streams 9000] [--minutes 3 | --hours 1] [--opens 150] [--fill 0]
 *
 * Holds so many streams of a chunk a second through one gateway process and one runner behind its tunnel, each for one
 * to four minutes and then a new one in its place, and prints what it costs and whether anything grows. Ends with 1
 * when a stream failed, or when memory or descriptors rose all along. `--fill` serves so many short requests before, so
 * that what keeps a bounded number of things (recent receipts, pages of the database) is full when the slopes begin.
 */
import { mkdirSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { freePorts } from '#dev/world/ports.ts'
import { startWorld, type World } from '#dev/world/world.ts'
import type { HoldSettings } from './hold-process.ts'
import { type Holder, reach, startHolder } from './holder.ts'
import { MEMORY_FOLDER, readMemory } from './read-memory.ts'
import { readProcess } from './read-process.ts'
import { progress, report, type Sample } from './report.ts'

const { values } = parseArgs({
  options: {
    streams: { type: 'string', default: '9000' },
    minutes: { type: 'string', default: '3' },
    hours: { type: 'string' },
    opens: { type: 'string', default: '150' },
    fill: { type: 'string', default: '0' },
  },
})
const streams = Number(values.streams)
const minutes = values.hours === undefined ? Number(values.minutes) : Number(values.hours) * 60
const opensPerSecond = Number(values.opens)
const fill = Number(values.fill)

const SAMPLE_MS = 5_000
/** Samples between two lines of progress. */
const SHOWN_EVERY = 12
/** A chunk a second; the first answers of all lengths have ended after the longest. */
const LEAST_CHUNKS = 60
const MOST_CHUNKS = 240
const FILLED_AT_ONCE = 64
const SPARE_PLACES = 200
const DEPOSIT_TON = '900'
const MIB = 1_024 * 1_024

const folder = join(process.cwd(), `.cocoon/bench/load-${process.pid}`)
const memoryFolder = `${folder}-memory`
mkdirSync(memoryFolder, { recursive: true })
process.env[MEMORY_FOLDER] = memoryFolder
process.env['NODE_OPTIONS'] = `--import=${join(import.meta.dirname, 'tell-memory.ts')}`
const world = await startWorld({
  ports: await freePorts(),
  folder,
  engine: {
    model: 'bench',
    engine: { kind: 'scripted', script: 'c1g0' },
    weights: `sha256:${'0'.repeat(64)}`,
  },
  depositTon: DEPOSIT_TON,
  capacity: streams + SPARE_PLACES,
  isBehindNat: true,
  // Seldom: the chain's own work is not what this is about.
  minChargeTon: '20',
})
try {
  process.exitCode = (await measure(world)) ? 0 : 1
} finally {
  await world.stop()
  rmSync(memoryFolder, { recursive: true })
}

async function measure({ info, gateway, runner, chain }: World): Promise<boolean> {
  const common = { port: Number(new URL(info.baseUrl).port), apiKey: info.apiKey, model: 'bench' }
  if (fill > 0) await fillUp(common)
  const before = { gateway: readProcess(gateway.pid), runner: readProcess(runner.pid) }
  const holder = startHolder({
    ...common,
    streams,
    opensPerSecond,
    leastChunks: LEAST_CHUNKS,
    mostChunks: MOST_CHUNKS,
    gapMs: 1_000,
  })
  const pids = { gateway: gateway.pid, runner: runner.pid, client: holder.pid, chain: chain.pid }
  try {
    // Some have just ended, and their successors have no first chunk yet.
    await reach(holder, 'streams open', streams * 0.98, ({ open }) => open)
    holder.count()
    const samples: Sample[] = []
    const began = performance.now()
    while (performance.now() - began < minutes * 60_000) {
      await wait(SAMPLE_MS)
      const sample = await read(pids, holder, (performance.now() - began) / 1_000)
      samples.push(sample)
      if (samples.length % SHOWN_EVERY === 0) progress(sample)
    }
    return report({ streams, filled: fill, warmSeconds: MOST_CHUNKS, before }, samples)
  } finally {
    holder.stop()
  }
}

async function read(
  pids: Readonly<Record<keyof Sample['parts'], number>>,
  holder: Holder,
  seconds: number,
): Promise<Sample> {
  const { gateway, runner, client, chain } = pids
  return {
    seconds,
    parts: {
      gateway: readProcess(gateway),
      runner: readProcess(runner),
      client: readProcess(client),
      chain: readProcess(chain),
    },
    memory: {
      gateway: readMemory(memoryFolder, gateway),
      runner: readMemory(memoryFolder, runner),
    },
    databaseMib: statSync(join(folder, 'gateway.db')).size / MIB,
    held: await holder.last(),
  }
}

/** Serves short requests as fast as they go, as many as are to be remembered. */
async function fillUp(common: Pick<HoldSettings, 'port' | 'apiKey' | 'model'>): Promise<void> {
  const holder = startHolder({
    ...common,
    streams: FILLED_AT_ONCE,
    opensPerSecond: fill,
    leastChunks: 1,
    mostChunks: 1,
    gapMs: 0,
  })
  try {
    await reach(holder, 'short requests', fill, ({ ended }) => ended)
    const { failed, firstFailure } = await holder.last()
    if (failed > 0) throw new Error(`${failed} short requests failed: ${firstFailure}`)
  } finally {
    holder.stop()
  }
}
