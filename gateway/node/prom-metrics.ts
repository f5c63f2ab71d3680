import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import type { Clock } from '#base/brand.ts'
import type { BodyOwnerKind } from '../limits/body-budget.ts'
import type { Metrics, State, Tokens } from '../metrics.ts'
import { descriptorCounter } from './count-descriptors.ts'

const SECONDS = [0.005, 0.02, 0.1, 0.5, 2, 10, 60, 300]
const SHORT_SECONDS = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 2]
const OPERATIONS = [1, 2, 4, 8, 16, 32, 64, 128, 256, 1_024]

/**
 * The library's metrics for which each scrape walks every handle, request and timer of the process: with thousands of streams
 * open, all of them stand still meanwhile. Our own `process_open_fds` counts the same connections at no cost.
 */
const WALKING = [
  'nodejs_active_handles',
  'nodejs_active_handles_total',
  'nodejs_active_requests',
  'nodejs_active_requests_total',
  'nodejs_active_resources',
  'nodejs_active_resources_total',
  'process_open_fds',
] as const

/** Counts for Prometheus. @param registry of its own, or the one that a test reads */
export function createPromMetrics(clock: Clock, registry = new Registry()): Metrics {
  collectDefaultMetrics({ register: registry })
  for (const name of WALKING) registry.removeSingleMetric(name)
  countDescriptors(registry, clock)
  return {
    ...flow(registry),
    ...books(registry),
    ...operations(registry),
    exposition: async () => ({
      contentType: registry.contentType,
      text: await registry.metrics(),
    }),
  }
}

/** Under the library's own name and only where it has it. */
function countDescriptors(registry: Registry, clock: Clock): void {
  const count = descriptorCounter(clock)
  if (count() === undefined) return
  new Gauge({
    name: 'process_open_fds',
    help: 'Number of open file descriptors.',
    registers: [registry],
    collect() {
      this.set(count() ?? 0)
    },
  })
}

/** Requests on their way. */
function flow(registry: Registry) {
  const registers = [registry]
  const requests = new Histogram({
    name: 'cocoon_request_seconds',
    help: 'Inference requests by path, confidentiality and outcome',
    labelNames: ['path', 'confidentiality', 'outcome'],
    buckets: SECONDS,
    registers,
  })
  const firstByte = new Histogram({
    name: 'cocoon_first_byte_seconds',
    help: 'Time from asking a runner to the first byte of its answer',
    buckets: SECONDS,
    registers,
  })
  const overhead = new Histogram({
    name: 'cocoon_overhead_seconds',
    help: 'Time that the gateway itself took before it asked a runner',
    buckets: SHORT_SECONDS,
    registers,
  })
  const queued = new Histogram({
    name: 'cocoon_queue_seconds',
    help: 'Waits because every runner of a model was busy',
    buckets: SECONDS,
    registers,
  })
  const failures = new Counter({
    name: 'cocoon_runner_failures_total',
    help: 'Attempts that a runner failed, by how',
    labelNames: ['how'],
    registers,
  })
  return {
    request: (path: string, confidentiality: string, outcome: string, seconds: number) =>
      requests.labels(path, confidentiality, outcome).observe(seconds),
    firstByte: (seconds: number) => firstByte.observe(seconds),
    overhead: (seconds: number) => overhead.observe(seconds),
    queued: (seconds: number) => queued.observe(seconds),
    runnerFailed: (how: string) => failures.labels(how).inc(),
  }
}

/** Money and the ledger that holds it. */
function books(registry: Registry) {
  const registers = [registry]
  const tokens = new Counter({
    name: 'cocoon_tokens_total',
    help: 'Settled tokens; prompt includes cached ones, completion includes reasoning',
    labelNames: ['kind'],
    registers,
  })
  const cost = new Counter({
    name: 'cocoon_settled_nano_total',
    help: 'Settled cost in nanoTON',
    registers,
  })
  const refused = new Counter({
    name: 'cocoon_receipts_refused_total',
    help: 'Receipts that were not charged, by reason',
    labelNames: ['code'],
    registers,
  })
  const commits = new Histogram({
    name: 'cocoon_ledger_commit_seconds',
    help: 'Durable transactions of the ledger',
    buckets: SHORT_SECONDS,
    registers,
  })
  const batch = new Histogram({
    name: 'cocoon_ledger_commit_operations',
    help: 'Operations that shared one durable transaction',
    buckets: OPERATIONS,
    registers,
  })
  return {
    settled: (usage: Tokens, nano: bigint) => {
      tokens.labels('prompt').inc(usage.prompt_tokens)
      tokens.labels('cached').inc(usage.cached_tokens)
      tokens.labels('completion').inc(usage.completion_tokens)
      tokens.labels('reasoning').inc(usage.reasoning_tokens)
      cost.inc(Number(nano))
    },
    refusedReceipt: (code: string) => refused.labels(code).inc(),
    commit: (count: number, seconds: number) => {
      commits.observe(seconds)
      batch.observe(count)
    },
  }
}

/** How the gateway and what it depends on are doing. */
function operations(registry: Registry) {
  const registers = [registry]
  const gauge = <L extends string>(name: string, help: string, labelNames: readonly L[] = []) =>
    new Gauge({ name, help, labelNames, registers })
  const jobs = new Counter({
    name: 'cocoon_job_runs_total',
    help: 'Runs of jobs, by result',
    labelNames: ['job', 'result'],
    registers,
  })
  const dropped = new Counter({
    name: 'cocoon_spans_dropped_total',
    help: 'Spans that the collector of traces did not take',
    registers,
  })
  const lastOk = gauge(
    'cocoon_job_success_timestamp_seconds',
    'When a job last succeeded; deposits: how far the chain is known',
    ['job'],
  )
  const runners = gauge('cocoon_runners', 'Runners with a lease, by condition', ['state'])
  const inFlight = gauge('cocoon_requests_in_flight', 'Requests at runners now')
  const queue = gauge('cocoon_queue_requests', 'Requests that wait for a busy runner now')
  const gas = gauge(
    'cocoon_gas_wallet_nano',
    'NanoTON that are left for gas of charges and payouts',
  )
  const differ = gauge(
    'cocoon_reserves_differ',
    '1 when the last comparison of chain history, books and Till found a difference',
  )
  const writable = gauge(
    'cocoon_database_writable',
    '0 after a write that failed, and while the database does not answer',
  )
  const exhausted = new Counter({
    name: 'cocoon_descriptors_exhausted_total',
    help: 'Looks, one a second, at which this process could open nothing',
    registers,
  })
  const bodies = gauge(
    'cocoon_body_bytes',
    'Bytes of request bodies in memory now, by whose they are: MAX_BODY_MEMORY bounds them',
    ['owner'],
  )
  const bodiesRefused = new Counter({
    name: 'cocoon_body_refusals_total',
    help: 'Requests refused because bodies took as much memory as they may, by whose they were',
    labelNames: ['owner'],
    registers,
  })
  const age = gauge('cocoon_registry_age_seconds', 'Age of the Registry as it was last read')
  return {
    job: (name: string, result: 'ok' | 'failed', atSeconds: number) => {
      jobs.labels(name, result).inc()
      if (result === 'ok') lastOk.labels(name).set(atSeconds)
    },
    spansDropped: (count: number) => dropped.inc(count),
    outOfDescriptors: () => exhausted.inc(),
    bodyRefused: (owner: BodyOwnerKind) => bodiesRefused.labels(owner).inc(),
    state: (now: State) => {
      for (const [state, count] of Object.entries(now.runners)) runners.labels(state).set(count)
      inFlight.set(now.inFlight)
      queue.set(now.queue)
      writable.set(now.isWritable ? 1 : 0)
      for (const [owner, bytes] of Object.entries(now.bodies ?? {})) bodies.labels(owner).set(bytes)
      if (now.registryAge !== undefined) age.set(now.registryAge)
      if (now.gas !== undefined) gas.set(now.gas)
      if (now.reserves !== undefined) differ.set(now.reserves === 'differ' ? 1 : 0)
    },
  }
}
