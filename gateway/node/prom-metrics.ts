import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import type { Metrics } from '../metrics.ts'

const SECONDS = [0.005, 0.02, 0.1, 0.5, 2, 10, 60, 300]

/** Counts for Prometheus. */
export function createPromMetrics(): Metrics {
  const registry = new Registry()
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
    help: 'Time to the first byte of an answer',
    buckets: SECONDS,
    registers,
  })
  const tokens = new Counter({
    name: 'cocoon_tokens_total',
    help: 'Settled tokens',
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
  const runners = new Gauge({
    name: 'cocoon_runners',
    help: 'Runners with a lease, and those of them that may get work',
    labelNames: ['state'],
    registers,
  })
  const queue = new Gauge({
    name: 'cocoon_queue_requests',
    help: 'Requests that wait because every runner of their model is busy',
    registers,
  })
  return {
    exposition: async () => ({
      contentType: registry.contentType,
      text: await registry.metrics(),
    }),
    request: (path, confidentiality, outcome, seconds) =>
      requests.labels(path, confidentiality, outcome).observe(seconds),
    firstByte: (seconds) => firstByte.observe(seconds),
    settled: (usage, nano) => {
      tokens.labels('prompt').inc(usage.prompt_tokens)
      tokens.labels('completion').inc(usage.completion_tokens)
      cost.inc(Number(nano))
    },
    queue: (requests) => queue.set(requests),
    refusedReceipt: (code) => refused.labels(code).inc(),
    runners: ({ eligible, known }) => {
      runners.labels('eligible').set(eligible)
      runners.labels('known').set(known)
    },
  }
}
