import type { Json } from '#base/jcs.ts'
import type { Allowance } from '#protocol'
import type { AnswerWriter } from '../engine/dialects/dialect.ts'
import type { Answered, Engine, JsonObject, Recording } from '../engine/engine.ts'
import { ServeError } from './serve-error.ts'

/** A request that may go to the engine: within its allowance and the runner's rules. */
export interface AcceptedRequest {
  /** Where the engine is asked. */
  readonly endpoint: Answered
  /** What it is asked: the caller's body, translated if need be, the answer's length clamped to the allowance. */
  readonly body: JsonObject
  readonly file: Recording | undefined
  readonly stream: boolean
  /** Milliseconds between the frames of a stream at a fixed rate. */
  readonly paceMs: number | undefined
  /** Tells the answer in the caller's own API. */
  readonly writer: AnswerWriter
  /** Exact prompt tokens, when they had to be counted. */
  readonly promptTokens: number | undefined
}

export interface ReadRequestInput {
  readonly path: string
  readonly plaintext: Uint8Array
  /** The runner's model id. */
  readonly model: string
  /** Whether the body itself must name the model; a sealed head has named it already. */
  readonly mustNameModel: boolean
  readonly allowance: Allowance
  readonly engine: Engine
}

const SPACE = 0x20

export function unserved(path: string): ServeError {
  return new ServeError('unsupported_endpoint', `this model does not serve POST ${path}`)
}

/** Bodies are padded with spaces. @see protocol/SPEC.md section 3.4 */
export function withoutPadding(plaintext: Uint8Array): Uint8Array {
  let bytes = plaintext.length
  while (bytes > 0 && plaintext[bytes - 1] === SPACE) bytes--
  return plaintext.subarray(0, bytes)
}

export function checkModel(named: Json | undefined, input: ReadRequestInput): void {
  if (!input.mustNameModel || named === input.model) return
  throw new ServeError('model_not_found', 'this runner does not serve that model', 'model')
}
