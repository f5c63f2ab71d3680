import type { Answered, JsonObject, Usage } from '../engine.ts'

/**
 * What one caller's request is to the engine, and how the engine's answer is told to that caller. A dialect is pure:
 * it knows no socket, no clock and no allowance.
 */
export interface Dialect {
  /** Where the engine is asked. */
  readonly endpoint: Answered
  /** What it is asked. */
  readonly body: JsonObject
  readonly writer: AnswerWriter
}

/** Tells one answer. Every text that it returns is whole server-sent events, or empty. */
export interface AnswerWriter {
  /** The id that the answer carries, once there is one. */
  readonly id: string | undefined
  /** One of the engine's `data:` payloads. */
  chunk(data: string): string
  /** The allowance ends the answer before the engine does. */
  cut(): string
  /** The last events of an answer that ended well. */
  end(billed: Billed): string
  /** The last events of an answer that failed in the middle. */
  fail(error: ErrorObject): string
  /** The whole answer of a request that did not stream. @throws EngineError */
  whole(answer: JsonObject, billed: Billed): JsonObject
}

/** What is charged. */
export interface Billed {
  readonly usage: Usage
  /** TON, for display. */
  readonly cost: number
  /** nanoTON. */
  readonly costNano: string
  /** Id of the runner that is paid. */
  readonly provider: string
}

/** OpenAI's error object. */
export type ErrorObject = {
  readonly message: string
  readonly type: string
  readonly param: string | null
  readonly code: string
}
