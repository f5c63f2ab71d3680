/**
 * usage: node bench/load/main.ts [--streams 9000] [--minutes 3 | --hours 1] [--opens 150]
 *
 * Holds so many streams of a chunk a second through one gateway process and one runner behind its tunnel, each for one
 * to four minutes and then a new one in its place, and prints what it costs and whether anything grows. Ends with 1
 * when a stream failed, or when memory or descriptors rose all along.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { availableParallelism, loadavg } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { freePorts } from '#dev/world/ports.ts'
import { startWorld, type World } from '#dev/world/world.ts'
import { formatTable } from '../table.ts'
import type { HoldReport, HoldSettings } from './hold-process.ts'
import { type ProcessReading, readHeapMib, readProcess } from './read-process.ts'
import { slopeOf } from './slope.ts'

const { values } = parseArgs({
  options: {
    streams: { type: 'string', default: '9000' },
    minutes: { type: 'string', default: '3' },
    hours: { type: 'string' },
    opens: { type: 'string', default: '150' },
  },
})
const streams = Number(values.streams)
const minutes = values.hours === undefined ? Number(values.minutes) : Number(values.hours) * 60
const opensPerSecond = Number(values.opens)

const SAMPLE_MS = 5_000
const LEAST_CHUNKS = 60
const MOST_CHUNKS = 240
const SPARE_PLACES = 200
const DEPOSIT_TON = '900'
/** Until a process has grown to what its streams need: the first answers of all lengths have ended. */
const WARM_SECONDS = MOST_CHUNKS
/** Most that memory may rise over the measured time; a descriptor is a stream, and their number is constant. */
const ALLOWED = { memory: 0.05, descriptors: 0.01 } as const

interface Sample {
  readonly seconds: number
  readonly gateway: ProcessReading
  readonly runner: ProcessReading
  readonly heapMib: number
  readonly held: HoldReport
}

const world = await startWorld({
  ports: await freePorts(),
  folder: join(process.cwd(), '.cocoon/bench/load'),
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
}

/** @returns whether all streams ended whole and nothing grew */
async function measure({ info, gateway, runner }: World): Promise<boolean> {
  const before = { gateway: readProcess(gateway.pid), runner: readProcess(runner.pid) }
  const holder = startHolder({
    port: Number(new URL(info.baseUrl).port),
    apiKey: info.apiKey,
    model: 'bench',
    streams,
    opensPerSecond,
    leastChunks: LEAST_CHUNKS,
    mostChunks: MOST_CHUNKS,
  })
  try {
    await reach(holder, streams)
    holder.process.send('count')
    const samples: Sample[] = []
    const began = performance.now()
    while (performance.now() - began < minutes * 60_000) {
      await wait(SAMPLE_MS)
      const sample = {
        seconds: (performance.now() - began) / 1_000,
        gateway: readProcess(gateway.pid),
        runner: readProcess(runner.pid),
        heapMib: await readHeapMib(info.webUrl),
        held: await holder.last(),
      }
      samples.push(sample)
      if (samples.length % 12 === 0) progress(sample)
    }
    return report(before, samples)
  } finally {
    holder.process.kill('SIGKILL')
  }
}

interface Holder {
  readonly process: ChildProcess
  /** Its last word. @throws when it has ended, or nothing succeeds */
  last(): Promise<HoldReport>
}

function startHolder(settings: HoldSettings): Holder {
  const child = fork(join(import.meta.dirname, 'hold-process.ts'))
  process.once('exit', () => child.kill('SIGKILL'))
  child.send(settings)
  let told: HoldReport | undefined
  // Sound: hold-process.ts sends this and nothing else.
  child.on('message', (message: HoldReport) => {
    told = message
  })
  return {
    process: child,
    last: async () => {
      while (told === undefined) await wait(100)
      if (child.exitCode !== null) throw new Error('the process that holds the streams has ended')
      return told
    },
  }
}

async function reach(holder: Holder, count: number): Promise<void> {
  const began = performance.now()
  for (let asked = 0; ; asked++) {
    const { open, failed, firstFailure } = await holder.last()
    // Some have just ended, and their successors have no first chunk yet.
    if (open >= count * 0.98) return
    if (failed > count) throw new Error(`streams fail: ${firstFailure}`)
    if (asked % 10 === 0) process.stderr.write(`${open} streams open, ${failed} failed\n`)
    if (performance.now() - began > 600_000) throw new Error(`only ${open} streams can be held`)
    await wait(1_000)
  }
}

function progress({ seconds, gateway, runner, heapMib, held }: Sample): void {
  const { open, ended, failed, late } = held
  process.stderr.write(
    `${(seconds / 60).toFixed(1)} min: ${open} open, ${ended} ended, ${failed} failed; gateway ${gateway.residentMib.toFixed(0)} MiB ` +
      `(heap ${heapMib.toFixed(0)}), runner ${runner.residentMib.toFixed(0)} MiB; late p50 ${late.p50.toFixed(0)} ms, p99 ${late.p99.toFixed(0)} ms; load ${loadavg()[0]?.toFixed(1)}\n`,
  )
}

function report(
  before: { readonly gateway: ProcessReading; readonly runner: ProcessReading },
  samples: readonly Sample[],
): boolean {
  const [first, last] = [samples[0], samples.at(-1)]
  if (first === undefined || last === undefined) throw new Error('nothing was measured')
  const { held } = last
  const seconds = last.seconds - first.seconds
  const chunks = held.chunks - first.held.chunks
  const [cpu] = readFileSync('/proc/cpuinfo', 'utf8').match(/(?<=model name\s*: ).*/) ?? ['unknown']
  console.log(
    `Node ${process.version}, ${availableParallelism()} × ${cpu}, load ${loadavg()[1]?.toFixed(1)} over five minutes (this bench is about three)`,
  )
  console.log(
    `${streams} streams of a chunk a second, held for ${(last.seconds / 60).toFixed(1)} minutes: ` +
      `${held.begun} begun, ${held.ended} ended whole, ${held.failed} failed ${held.firstFailure}; least open ${Math.min(...samples.map((one) => one.held.open))}`,
  )
  const { p50, p99, p999, most } = held.late
  console.log(
    `${(chunks / seconds).toFixed(0)} chunks a second; each later than its second by ${p50.toFixed(1)} ms (median), ${p99.toFixed(0)} ms (99 %), ${p999.toFixed(0)} ms (99.9 %), ${most.toFixed(0)} ms (most)`,
  )
  console.log(costTable(before, { first, last, seconds, chunks }))
  const [table, grows] = slopeTable(samples)
  console.log(table)
  return held.failed === 0 && !grows
}

function costTable(
  before: { readonly gateway: ProcessReading; readonly runner: ProcessReading },
  over: {
    readonly first: Sample
    readonly last: Sample
    readonly seconds: number
    readonly chunks: number
  },
): string {
  const { first, last, seconds, chunks } = over
  const rows = (['gateway', 'runner'] as const).map((part) => {
    const cpuMs = last[part].cpuMs - first[part].cpuMs
    const grown = last[part].residentMib - before[part].residentMib
    return [
      part,
      `${((cpuMs / 1_000 / seconds) * 100).toFixed(0)} %`,
      `${((cpuMs * 1_000) / chunks).toFixed(0)} µs`,
      `${before[part].residentMib.toFixed(0)} MiB`,
      `${last[part].residentMib.toFixed(0)} MiB`,
      `${((grown * 1_024) / last.held.open).toFixed(1)} KiB`,
      String(last[part].descriptors),
    ]
  })
  const header = ['process', 'CPU', 'CPU/chunk', 'RSS before', 'RSS', 'RSS/stream', 'descriptors']
  return formatTable(header, rows)
}

/** @returns the table, and whether anything grows */
function slopeTable(samples: readonly Sample[]): readonly [string, boolean] {
  const warm = samples.filter(({ seconds }) => seconds > WARM_SECONDS)
  if (warm.length < 12) return ['(no slopes: they need six minutes)', false]
  const rows: readonly (readonly [string, number, (sample: Sample) => number])[] = [
    ['gateway RSS, MiB', ALLOWED.memory, ({ gateway }) => gateway.residentMib],
    ['gateway heap, MiB', ALLOWED.memory, ({ heapMib }) => heapMib],
    ['gateway descriptors', ALLOWED.descriptors, ({ gateway }) => gateway.descriptors],
    ['runner RSS, MiB', ALLOWED.memory, ({ runner }) => runner.residentMib],
    ['runner descriptors', ALLOWED.descriptors, ({ runner }) => runner.descriptors],
  ]
  const slopes = rows.map(([name, allowed, read]) => {
    const readings = warm.map((sample) => ({ seconds: sample.seconds, value: read(sample) }))
    return { name, allowed, ...slopeOf(readings, allowed) }
  })
  const table = formatTable(
    ['after warm-up', 'level', 'an hour adds', 'over this run', 'allowed', 'verdict'],
    slopes.map(({ name, level, perHour, share, allowed, grows }) => [
      name,
      level.toFixed(0),
      perHour.toFixed(1),
      `${(share * 100).toFixed(1)} %`,
      `${(allowed * 100).toFixed(0)} %`,
      grows ? 'GROWS' : 'flat',
    ]),
  )
  return [table, slopes.some(({ grows }) => grows)]
}
