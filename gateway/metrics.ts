import type { MeteredUsage } from '#protocol'
import type { BodyOwnerKind } from './limits/body-budget.ts'

/**
 * What this gateway counts. Labels come from closed lists in its own code, or from the operator's: never from what a
 * client or a runner sent (M17).
 */
export interface Metrics {
  /** One inference request ended. @param outcome a kind of outcome, or the code of the refusal */
  request(path: string, confidentiality: 'plain' | 'sealed', outcome: string, seconds: number): void
  /** From asking a runner to the first byte of its answer. */
  firstByte(seconds: number): void
  /** What the gateway itself took before it asked the first runner. */
  overhead(seconds: number): void
  /** A wait for a busy runner ended. */
  queued(seconds: number): void
  runnerFailed(how: string): void
  settled(usage: Tokens, cost: bigint): void
  refusedReceipt(code: string): void
  /** One durable transaction. */
  commit(operations: number, seconds: number): void
  /** A job ran. @param name one of `jobs.ts` */
  job(name: string, result: 'ok' | 'failed', atSeconds: number): void
  spansDropped(count: number): void
  /** For a moment this process could open nothing. */
  outOfDescriptors(): void
  /** There was no room in memory for a request's body. */
  bodyRefused(owner: BodyOwnerKind): void
  /** How things stand, read when the metrics are. */
  state(now: State): void
  /** Everything counted, as a scraper reads it. */
  exposition(): Promise<{ readonly contentType: string; readonly text: string }>
}

export type Tokens = Pick<
  MeteredUsage,
  'prompt_tokens' | 'cached_tokens' | 'completion_tokens' | 'reasoning_tokens'
>

export type RunnerCondition = 'free' | 'full' | 'resting' | 'drained' | 'silent' | 'untrusted'

export interface State {
  readonly runners: Readonly<Record<RunnerCondition, number>>
  readonly inFlight: number
  readonly queue: number
  /** Seconds since the Registry was read; undefined: never. */
  readonly registryAge: number | undefined
  readonly isWritable: boolean
  /** Bytes of request bodies in memory; undefined where the platform bounds them. */
  readonly bodies: Readonly<Record<BodyOwnerKind, number>> | undefined
  /** NanoTON in the wallet that pays for charges and payouts; undefined: not looked yet, or none. */
  readonly gas: number | undefined
  /** What the last comparison of history, books and Till found; undefined: none yet. */
  readonly reserves: 'sound' | 'differ' | undefined
}
