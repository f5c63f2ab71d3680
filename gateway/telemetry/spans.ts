import type { Random, UnixMs } from '#base/brand.ts'
import { hex } from '#base/bytes.ts'
import type { Journey, Leg } from '../inference/journey.ts'

/**
 * Traces of requests as OTLP spans, made by hand after the fact: ids, codes and times. Nothing instruments code that holds
 * content (M18), and no trace context leaves for a runner, whose host could tell requests apart by it.
 */
export interface EndedRequest {
  readonly request: string
  readonly path: string
  readonly kind: 'plain' | 'sealed'
  readonly outcome: string
  readonly journey: Journey
  /** By the same timer as the journey. */
  readonly ended: number
  /** `traceparent` as the client sent it. @see https://www.w3.org/TR/trace-context/ */
  readonly parent: string | undefined
}

export type Trace = (ended: EndedRequest) => void

/** One span of OTLP/HTTP with JSON. @see https://opentelemetry.io/docs/specs/otlp/ */
export interface Span {
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId?: string
  readonly name: string
  readonly kind: 2 | 3
  readonly startTimeUnixNano: string
  readonly endTimeUnixNano: string
  readonly attributes: readonly Attribute[]
  readonly status: { readonly code: 1 | 2 }
}

interface Attribute {
  readonly key: string
  readonly value: { readonly stringValue: string } | { readonly intValue: string }
}

const KIND = { server: 2, client: 3 } as const
const STATUS = { ok: 1, error: 2 } as const
const TRACE_ID_BYTES = 16
const SPAN_ID_BYTES = 8
const TRACEPARENT = /^00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-[0-9a-f]{2}$/
const UINT32 = 2 ** 32

export interface SpanSource {
  readonly random: Random
  /** Wall clock and timer at one moment, so that times of the timer can be dated. */
  readonly now: { readonly wall: UnixMs; readonly timer: number }
  /** Share of requests to keep, whatever their clients send. */
  readonly ratio: number
}

/** @returns none when the trace is not in the sample */
export function spansOf(ended: EndedRequest, source: SpanSource): readonly Span[] {
  const parent = TRACEPARENT.exec(ended.parent ?? '')
  const own = hex(source.random(TRACE_ID_BYTES))
  // By the id that we would give: a client that chose by its own would have all of its traces kept.
  if (Number.parseInt(own.slice(-8), 16) >= source.ratio * UINT32) return []
  const traceId = parent?.[1] ?? own
  const { journey } = ended
  const spanId = hex(source.random(SPAN_ID_BYTES))
  const at = dates(source.now)
  const root: Span = {
    traceId,
    spanId,
    ...(parent?.[2] === undefined ? {} : { parentSpanId: parent[2] }),
    name: `POST ${ended.path}`,
    kind: KIND.server,
    startTimeUnixNano: at(journey.arrived),
    endTimeUnixNano: at(ended.ended),
    attributes: [
      text('cocoon.request_id', ended.request),
      text('cocoon.body', ended.kind),
      text('cocoon.outcome', ended.outcome),
      count('cocoon.queue_ms', Math.round(journey.queuedMs)),
      ...(journey.model === undefined ? [] : [text('gen_ai.request.model', journey.model)]),
    ],
    status: { code: ended.outcome === 'answered' ? STATUS.ok : STATUS.error },
  }
  const legs = journey.attempts.map((leg) =>
    legSpan(leg, { root, end: ended.ended, at, id: hex(source.random(SPAN_ID_BYTES)) }),
  )
  return [root, ...legs]
}

function legSpan(
  leg: Leg,
  { root, end, at, id }: { root: Span; end: number; at: (timer: number) => string; id: string },
): Span {
  const firstByte = leg.firstByte === undefined ? [] : [Math.round(leg.firstByte - leg.sent)]
  return {
    traceId: root.traceId,
    spanId: id,
    parentSpanId: root.spanId,
    name: 'runner attempt',
    kind: KIND.client,
    startTimeUnixNano: at(leg.sent),
    endTimeUnixNano: at(leg.ended ?? end),
    attributes: [
      text('cocoon.runner', leg.runner),
      count('cocoon.attempt', leg.number),
      text('cocoon.outcome', leg.outcome ?? 'error'),
      ...firstByte.map((ms) => count('cocoon.first_byte_ms', ms)),
    ],
    status: { code: leg.outcome === 'answered' ? STATUS.ok : STATUS.error },
  }
}

function dates({ wall, timer }: SpanSource['now']): (at: number) => string {
  return (at) => (BigInt(Math.round((wall - (timer - at)) * 1_000)) * 1_000n).toString()
}

function text(key: string, value: string): Attribute {
  return { key, value: { stringValue: value } }
}

function count(key: string, value: number): Attribute {
  return { key, value: { intValue: String(value) } }
}
