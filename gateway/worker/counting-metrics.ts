import type { Clock, UnixMs } from '#base/brand.ts'
import type { Metrics, State, Tokens } from '../metrics.ts'

/** Counts that add up, whoever made them: values by series, which is a name with its labels. */
export type Counts = Readonly<Record<string, number>>

/** What one place has seen since it last told. */
export interface PlaceCounts {
  /** Names the place, at random. */
  readonly place: string
  readonly add: Counts
  readonly set: Counts
  /** Requests of this moment. */
  readonly inFlight: number
  readonly queue: number
}

/** Metrics that are told to where somebody reads them: Workers come and go, and a scraper would meet one at random. */
export interface CountingMetrics extends Metrics {
  /** What was counted since the last call. */
  take(): Pick<PlaceCounts, 'add' | 'set'>
  /** What another place took. */
  merge(counts: PlaceCounts): void
  /** Everything that adds up, so that a restart goes on from it. */
  sums(): Counts
}

const SECONDS = [0.005, 0.02, 0.1, 0.5, 2, 10, 60, 300]
/** A place that has not told for so long has nothing under way. */
const FORGET_MS = 30_000
/** Labels come from closed lists: a number that no honest place reaches. */
const MAX_SERIES = 20_000

/** Every metric, as Node's has it; `cocoon_overhead_seconds` and commits are not seen: no clock runs while a Worker computes. */
export const KINDS: Readonly<Record<string, 'histogram' | 'counter' | 'gauge'>> = {
  cocoon_request_seconds: 'histogram',
  cocoon_first_byte_seconds: 'histogram',
  cocoon_queue_seconds: 'histogram',
  cocoon_runner_failures_total: 'counter',
  cocoon_tokens_total: 'counter',
  cocoon_settled_nano_total: 'counter',
  cocoon_receipts_refused_total: 'counter',
  cocoon_job_runs_total: 'counter',
  cocoon_job_success_timestamp_seconds: 'gauge',
  cocoon_runners: 'gauge',
  cocoon_requests_in_flight: 'gauge',
  cocoon_queue_requests: 'gauge',
  cocoon_registry_age_seconds: 'gauge',
  cocoon_gas_wallet_nano: 'gauge',
  cocoon_reserves_differ: 'gauge',
}

export function createCountingMetrics(clock: Clock, before: Counts = {}): CountingMetrics {
  let added = new Map(Object.entries(before))
  let gauges = new Map<string, number>()
  const places = new Map<string, { readonly at: UnixMs; readonly counts: PlaceCounts }>()

  const add = (name: string, value: number): void => {
    const known = added.get(name)
    if (known !== undefined || added.size < MAX_SERIES) added.set(name, (known ?? 0) + value)
  }
  const observe = (name: string, seconds: number, labels: Labels = {}): void => {
    for (const le of SECONDS) {
      add(series(`${name}_bucket`, { ...labels, le: String(le) }), seconds <= le ? 1 : 0)
    }
    add(series(`${name}_bucket`, { ...labels, le: '+Inf' }), 1)
    add(series(`${name}_sum`, labels), seconds)
    add(series(`${name}_count`, labels), 1)
  }
  const underWay = (of: 'inFlight' | 'queue'): number => {
    let sum = 0
    for (const [name, { at, counts }] of places) {
      if (clock() - at > FORGET_MS) places.delete(name)
      else sum += counts[of]
    }
    return sum
  }

  return {
    request: (path, confidentiality, outcome, seconds) =>
      observe('cocoon_request_seconds', seconds, { path, confidentiality, outcome }),
    firstByte: (seconds) => observe('cocoon_first_byte_seconds', seconds),
    overhead: () => {},
    queued: (seconds) => observe('cocoon_queue_seconds', seconds),
    runnerFailed: (how) => add(series('cocoon_runner_failures_total', { how }), 1),
    settled(usage, cost) {
      for (const [kind, tokens] of Object.entries(tokensOf(usage))) {
        add(series('cocoon_tokens_total', { kind }), tokens)
      }
      add('cocoon_settled_nano_total', Number(cost))
    },
    refusedReceipt: (code) => add(series('cocoon_receipts_refused_total', { code }), 1),
    commit: () => {},
    job(job, result, atSeconds) {
      add(series('cocoon_job_runs_total', { job, result }), 1)
      if (result === 'ok') {
        gauges.set(series('cocoon_job_success_timestamp_seconds', { job }), atSeconds)
      }
    },
    spansDropped: () => {},
    // Neither files nor a disk of its own, nor a limit of its own for bodies.
    outOfDescriptors: () => {},
    bodyRefused: () => {},
    state(now) {
      for (const [name, value] of gaugesOf(now)) gauges.set(name, value)
    },
    take() {
      const taken = { add: Object.fromEntries(added), set: Object.fromEntries(gauges) }
      added = new Map()
      gauges = new Map()
      return taken
    },
    merge(counts) {
      for (const [name, value] of Object.entries(counts.add)) add(name, value)
      for (const [name, value] of Object.entries(counts.set)) gauges.set(name, value)
      places.set(counts.place, { at: clock(), counts })
    },
    sums: () => Object.fromEntries(added),
    async exposition() {
      const shown = new Map([...added, ...gauges])
      shown.set('cocoon_requests_in_flight', underWay('inFlight'))
      shown.set('cocoon_queue_requests', underWay('queue'))
      return { contentType: 'text/plain; version=0.0.4; charset=utf-8', text: textOf(shown) }
    },
  }
}

type Labels = Readonly<Record<string, string>>

function series(name: string, labels: Labels): string {
  const pairs = Object.entries(labels).map(([label, value]) => `${label}=${JSON.stringify(value)}`)
  return pairs.length === 0 ? name : `${name}{${pairs.join(',')}}`
}

function tokensOf(usage: Tokens): Readonly<Record<string, number>> {
  return {
    prompt: usage.prompt_tokens,
    cached: usage.cached_tokens,
    completion: usage.completion_tokens,
    reasoning: usage.reasoning_tokens,
  }
}

function* gaugesOf(now: State): Iterable<readonly [string, number]> {
  for (const [state, count] of Object.entries(now.runners)) {
    yield [series('cocoon_runners', { state }), count]
  }
  if (now.registryAge !== undefined) yield ['cocoon_registry_age_seconds', now.registryAge]
  if (now.gas !== undefined) yield ['cocoon_gas_wallet_nano', now.gas]
  if (now.reserves !== undefined) {
    yield ['cocoon_reserves_differ', now.reserves === 'differ' ? 1 : 0]
  }
}

/** @see https://prometheus.io/docs/instrumenting/exposition_formats */
function textOf(shown: ReadonlyMap<string, number>): string {
  const lines = Object.entries(KINDS).flatMap(([name, kind]) => {
    const own = [...shown].filter(([key]) => isOf(name, kind, key))
    if (own.length === 0) return []
    return [`# TYPE ${name} ${kind}`, ...own.map(([key, value]) => `${key} ${value}`)]
  })
  return `${lines.join('\n')}\n`
}

function isOf(name: string, kind: string, key: string): boolean {
  const [bare = ''] = key.split('{', 1)
  return (
    bare === name ||
    (kind === 'histogram' && HISTOGRAM_PARTS.has(bare.slice(name.length)) && bare.startsWith(name))
  )
}

const HISTOGRAM_PARTS: ReadonlySet<string> = new Set(['_bucket', '_sum', '_count'])
