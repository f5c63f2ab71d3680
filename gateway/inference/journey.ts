import type { RunnerId } from '../db/ids.ts'

/**
 * When what happened to one request: monotonic milliseconds of `Timer`, for durations only. Written along the way, read by
 * headers, metrics and traces. Ids and times, nothing else.
 */
export interface Journey {
  readonly arrived: number
  /** The model that was chosen. */
  model: string | undefined
  /** How long it waited because every runner was busy. */
  queuedMs: number
  readonly attempts: Leg[]
}

/** One attempt at one runner. */
export interface Leg {
  readonly runner: RunnerId
  readonly number: number
  readonly sent: number
  firstByte: number | undefined
  ended: number | undefined
  outcome: string | undefined
}

/** Monotonic milliseconds, as an argument like the clock. */
export type Timer = () => number

export function newJourney(arrived: number): Journey {
  return { arrived, model: undefined, queuedMs: 0, attempts: [] }
}

export function newLeg(journey: Journey, leg: Pick<Leg, 'runner' | 'number' | 'sent'>): Leg {
  const made: Leg = { ...leg, firstByte: undefined, ended: undefined, outcome: undefined }
  journey.attempts.push(made)
  return made
}

/** What of the time until now the gateway used itself: neither the queue nor a runner did. */
export function overheadMs(journey: Journey, now: number): number {
  let runners = 0
  for (const { sent, firstByte, ended } of journey.attempts) {
    runners += (firstByte ?? ended ?? now) - sent
  }
  return Math.max(0, now - journey.arrived - journey.queuedMs - runners)
}

/** What OpenAI answers too, and some proxies and SDKs look for. */
const OPENAI_VERSION = '2020-10-01'

/** @see https://www.w3.org/TR/server-timing/ , and OpenAI's `openai-processing-ms` */
export function timingHeaders(journey: Journey, now: number): Readonly<Record<string, string>> {
  const total = now - journey.arrived
  const gateway = overheadMs(journey, now)
  const runner = Math.max(0, total - gateway - journey.queuedMs)
  return {
    'openai-processing-ms': String(Math.round(total)),
    'openai-version': OPENAI_VERSION,
    'server-timing': `queue;dur=${ms(journey.queuedMs)}, gateway;dur=${ms(gateway)}, runner;dur=${ms(runner)}`,
  }
}

function ms(value: number): string {
  return value.toFixed(1)
}
