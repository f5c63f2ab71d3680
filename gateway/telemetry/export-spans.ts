import type { Clock, Random } from '#base/brand.ts'
import type { Timer } from '../inference/journey.ts'
import { codeOf, type Log } from '../log.ts'
import type { Metrics } from '../metrics.ts'
import { type Span, spansOf, type Trace } from './spans.ts'

/** Where traces go, by OpenTelemetry's own names of settings. */
export interface TracesConfig {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly service: string
  readonly ratio: number
}

export interface SpanExporter {
  readonly trace: Trace
  /** Sends what has gathered; a job calls it. Never rejects: spans that cannot be sent are dropped and counted. */
  flush(): Promise<void>
}

const MAX_GATHERED = 4_096
const MAX_SENT = 512
const TIMEOUT_MS = 10_000

/** OTLP over HTTP with JSON: one small POST, instead of an SDK that hooks into everything. */
export function createSpanExporter(
  config: TracesConfig,
  deps: {
    readonly fetch: typeof fetch
    readonly clock: Clock
    readonly timer: Timer
    readonly random: Random
    readonly metrics: Pick<Metrics, 'spansDropped'>
    readonly log: Log
  },
): SpanExporter {
  let gathered: Span[] = []
  let isBroken = false

  async function send(spans: readonly Span[]): Promise<void> {
    const response = await deps.fetch(config.url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...config.headers },
      body: JSON.stringify(exportRequest(config.service, spans)),
      signal: AbortSignal.timeout(TIMEOUT_MS),
      redirect: 'error',
    })
    await response.body?.cancel()
    if (!response.ok) throw new TypeError(`the collector answered ${response.status}`)
  }

  return {
    trace(ended) {
      const now = { wall: deps.clock(), timer: deps.timer() }
      const spans = spansOf(ended, { random: deps.random, now, ratio: config.ratio })
      if (gathered.length + spans.length > MAX_GATHERED) deps.metrics.spansDropped(spans.length)
      else gathered.push(...spans)
    },
    async flush() {
      while (gathered.length > 0) {
        const spans = gathered.slice(0, MAX_SENT)
        gathered = gathered.slice(spans.length)
        try {
          await send(spans)
          isBroken = false
        } catch (error) {
          deps.metrics.spansDropped(spans.length)
          // Once for each outage.
          if (!isBroken) deps.log('warn', 'traces are not taken', { code: codeOf(error) })
          isBroken = true
          return
        }
      }
    },
  }
}

function exportRequest(service: string, spans: readonly Span[]) {
  const resource = { attributes: [{ key: 'service.name', value: { stringValue: service } }] }
  const scope = { name: 'cocoon-gateway' }
  return { resourceSpans: [{ resource, scopeSpans: [{ scope, spans }] }] }
}
