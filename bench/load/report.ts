import { readFileSync } from 'node:fs'
import { availableParallelism, loadavg } from 'node:os'
import { formatTable } from '../table.ts'
import type { HoldReport } from './hold-process.ts'
import type { MemoryReading } from './read-memory.ts'
import type { ProcessReading } from './read-process.ts'
import { slopeOf } from './slope.ts'

export const PARTS = ['gateway', 'runner', 'client', 'chain'] as const
/** Whose memory is told by part, and must not grow. */
const MEASURED = ['gateway', 'runner'] as const
export type Readings = Readonly<Record<(typeof PARTS)[number], ProcessReading>>

export interface Sample {
  readonly seconds: number
  readonly parts: Readings
  readonly memory: Readonly<Record<(typeof MEASURED)[number], MemoryReading>>
  readonly databaseMib: number
  readonly held: HoldReport
}

/** What is the same for the whole run. */
export interface Run {
  readonly streams: number
  /** Requests served before the first stream. */
  readonly filled: number
  /** Until a process has grown to what its streams need. */
  readonly warmSeconds: number
  /** Before any stream. */
  readonly before: Pick<Readings, (typeof MEASURED)[number]>
}

/** Most that memory may rise over the measured time; a descriptor is a stream, and their number is constant. */
const ALLOWED = { memory: 0.05, descriptors: 0.01 } as const
const LEAST_READINGS = 12

export function progress({ seconds, parts, memory, databaseMib, held }: Sample): void {
  const { open, ended, failed, late } = held
  const resident = MEASURED.map((name) => {
    const { livingMib, heapMib, heapTotalMib, externalMib, nativeMib } = memory[name]
    return (
      `${name} ${parts[name].residentMib.toFixed(0)} MiB (living ${livingMib.toFixed(0)}, heap ${heapMib.toFixed(0)} of ${heapTotalMib.toFixed(0)}, ` +
      `external ${externalMib.toFixed(0)}, native ${nativeMib.toFixed(0)})`
    )
  })
  process.stderr.write(
    `${(seconds / 60).toFixed(1)} min: ${open} open, ${ended} ended, ${failed} failed; ${resident.join(', ')}, database ${databaseMib.toFixed(0)} MiB; ` +
      `late p50 ${late.p50.toFixed(0)} ms, p99 ${late.p99.toFixed(0)} ms; load ${loadavg()[0]?.toFixed(1)}\n`,
  )
}

/** Prints what was measured. @returns whether all streams ended whole and nothing grew */
export function report(run: Run, samples: readonly Sample[]): boolean {
  const [first, last] = [samples[0], samples.at(-1)]
  if (first === undefined || last === undefined) throw new Error('nothing was measured')
  const { held } = last
  const seconds = last.seconds - first.seconds
  const chunks = held.chunks - first.held.chunks
  const [cpu] = readFileSync('/proc/cpuinfo', 'utf8').match(/(?<=model name\s*: ).*/) ?? ['unknown']
  console.log(
    `Node ${process.version}, ${availableParallelism()} × ${cpu}, load ${loadavg()[1]?.toFixed(1)} over five minutes`,
  )
  console.log(
    `${run.streams} streams of a chunk a second, held for ${(last.seconds / 60).toFixed(1)} minutes after ${run.filled} short requests: ` +
      `${held.begun} begun, ${held.ended} ended whole, ${held.failed} failed ${held.firstFailure}; least open ${Math.min(...samples.map((one) => one.held.open))}`,
  )
  const { p50, p99, p999, most } = held.late
  console.log(
    `${(chunks / seconds).toFixed(0)} chunks a second; each later than its second by ${p50.toFixed(1)} ms (median), ${p99.toFixed(0)} ms (99 %), ${p999.toFixed(0)} ms (99.9 %), ${most.toFixed(0)} ms (most)`,
  )
  console.log(costTable(run, { first, last, seconds, chunks }))
  const [table, grows] = slopeTable(run, samples)
  console.log(table)
  return held.failed === 0 && !grows
}

function costTable(
  { before }: Run,
  over: {
    readonly first: Sample
    readonly last: Sample
    readonly seconds: number
    readonly chunks: number
  },
): string {
  const { first, last, seconds, chunks } = over
  const rows = PARTS.map((part) => {
    const cpuMs = last.parts[part].cpuMs - first.parts[part].cpuMs
    const had = part === 'gateway' || part === 'runner' ? before[part].residentMib : undefined
    const { residentMib, descriptors } = last.parts[part]
    return [
      part,
      `${((cpuMs / 1_000 / seconds) * 100).toFixed(0)} %`,
      `${((cpuMs * 1_000) / chunks).toFixed(0)} µs`,
      had === undefined ? '' : `${had.toFixed(0)} MiB`,
      `${residentMib.toFixed(0)} MiB`,
      had === undefined ? '' : `${(((residentMib - had) * 1_024) / last.held.open).toFixed(1)} KiB`,
      String(descriptors),
    ]
  })
  const header = ['process', 'CPU', 'CPU/chunk', 'RSS before', 'RSS', 'RSS/stream', 'descriptors']
  return formatTable(header, rows)
}

/** @returns the table, and whether anything grows */
function slopeTable({ warmSeconds }: Run, samples: readonly Sample[]): readonly [string, boolean] {
  const warm = samples.filter(({ seconds }) => seconds > warmSeconds)
  if (warm.length < LEAST_READINGS) return ['(no slopes: the run is too short)', false]
  const rows = MEASURED.flatMap((name) => rowsOf(name))
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
      Number.isFinite(allowed) ? `${(allowed * 100).toFixed(0)} %` : '',
      Number.isFinite(allowed) ? (grows ? 'GROWS' : 'flat') : '',
    ]),
  )
  return [table, slopes.some(({ grows }) => grows)]
}

/** What is watched of one process: its name, most that it may rise, how a sample tells it. */
function rowsOf(
  name: (typeof MEASURED)[number],
): readonly (readonly [string, number, (sample: Sample) => number])[] {
  return [
    [`${name} RSS, MiB`, ALLOWED.memory, ({ parts }) => parts[name].residentMib],
    [`${name} living, MiB`, ALLOWED.memory, ({ memory }) => memory[name].livingMib],
    [`${name} heap's room, MiB`, Infinity, ({ memory }) => memory[name].heapTotalMib],
    [`${name} external, MiB`, Infinity, ({ memory }) => memory[name].externalMib],
    [`${name} native, MiB`, Infinity, ({ memory }) => memory[name].nativeMib],
    [`${name} descriptors`, ALLOWED.descriptors, ({ parts }) => parts[name].descriptors],
  ]
}
