import type { Json } from '#base/jcs.ts'
import type { Capabilities, ENDPOINTS, FormPart } from '#protocol'

export type Endpoint = (typeof ENDPOINTS)[number]

/** An endpoint that an engine answers; a prompt is counted without an answer. */
export type Answered = Exclude<Endpoint, '/v1/messages/count_tokens'>

/** A parsed request body. Its values are the caller's: every reader narrows what it takes. */
export type JsonObject = { readonly [key: string]: Json }

/** Token counts as engines report them; `cached` and `reasoning` are parts of the other two. */
export interface Usage {
  readonly promptTokens: number
  readonly cachedTokens: number
  readonly completionTokens: number
  readonly reasoningTokens: number
}

export const NO_USAGE: Usage = {
  promptTokens: 0,
  cachedTokens: 0,
  completionTokens: 0,
  reasoningTokens: 0,
}

/**
 * What an engine yields.
 * - `accepted`: the engine took the request and prefill begins; from here prompt tokens are due (M6).
 * - `chunk`: one SSE data payload as JSON text, without `usage`; `tokens` is the completion tokens
 *   produced so far, as exactly as the engine knows them; `promptTokens` once the engine tells.
 * - `json`: the whole answer of a request that did not stream, without `usage`.
 * - `done`: the last event. `usage` is undefined when the engine told none.
 */
export type EngineEvent =
  | { readonly kind: 'accepted'; readonly promptTokens: number | undefined }
  | {
      readonly kind: 'chunk'
      readonly data: string
      readonly tokens: number
      readonly promptTokens?: number | undefined
    }
  | { readonly kind: 'json'; readonly body: JsonObject }
  | { readonly kind: 'done'; readonly usage: Usage | undefined; readonly finish: FinishReason }

/** Why generation ended; `tool_calls` and its like count as `stop`. */
export type FinishReason = 'stop' | 'length'

export interface EngineRequest {
  readonly endpoint: Answered
  /** The body with `max_tokens` already clamped to the allowance; of a form, its fields. */
  readonly body: JsonObject
  /** The form's recording, where the endpoint takes one. */
  readonly file?: Recording | undefined
  readonly stream: boolean
  /** Aborting stops generation before the next token and ends the iteration. */
  readonly signal: AbortSignal
}

/** What is to be transcribed. */
export interface Recording extends FormPart {
  /** Most prompt tokens that it can be. */
  readonly bound: number
}

/** A number of prompt tokens, or a bound that it cannot exceed when there is no tokenizer to ask. */
export interface PromptCount {
  readonly tokens: number
  readonly exact: boolean
}

/** What model lists tell of it. */
export type Features = Pick<Capabilities, 'supported_parameters' | 'input_modalities'>

/** What serves the model: the demonstration engine, a URL, or a script for tests and load. */
export interface Engine {
  /** Said in `system_fingerprint`-like places and logs; a demonstration says so here. */
  readonly fingerprint: string
  /** What it serves itself; more can be said to it by translation. With `count_tokens` its prompt counts are exact. */
  readonly endpoints: ReadonlySet<Endpoint>
  readonly features: Features
  /** Most tokens of prompt and answer together. */
  readonly contextLength: number
  /** Counts the prompt before prefill. @throws EngineError */
  countPrompt(endpoint: Endpoint, body: JsonObject): Promise<PromptCount>
  /** Runs one request. @throws EngineError, also in mid-iteration */
  run(request: EngineRequest): AsyncIterable<EngineEvent>
  /** True when the engine answers; bounded in time. */
  healthy(): Promise<boolean>
  close(): Promise<void>
}
