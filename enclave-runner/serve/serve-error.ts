import { CodedError } from '#base/coded-error.ts'
import type { ErrorObject } from '../engine/dialects/dialect.ts'
import type { EngineErrorCode } from '../engine/engine-error.ts'
import { EngineError } from '../engine/engine-error.ts'

/**
 * What the runner itself refuses inside the seal. The caller's action:
 * - `model_not_found`, `unsupported_endpoint`, `invalid_json`, `remote_url`: fix the request.
 * - `allowance_exceeded`: ask for a larger allowance (a higher `max_tokens` or prompt bound), or less.
 * - `internal_error`: retry, elsewhere if possible.
 */
export type ServeErrorCode =
  | 'model_not_found'
  | 'unsupported_endpoint'
  | 'invalid_json'
  | 'remote_url'
  | 'allowance_exceeded'
  | 'internal_error'

export class ServeError extends CodedError<ServeErrorCode> {
  override readonly name = 'ServeError'
  readonly param: string | null

  constructor(code: ServeErrorCode, message: string, param: string | null = null) {
    super(code, message)
    this.param = param
  }
}

type Code = ServeErrorCode | EngineErrorCode

/** HTTP status and OpenAI's `type` of every error inside the seal. */
const ANSWERS = {
  invalid_request: [400, 'invalid_request_error'],
  unsupported_parameter: [400, 'invalid_request_error'],
  context_length_exceeded: [400, 'invalid_request_error'],
  invalid_json: [400, 'invalid_request_error'],
  remote_url: [400, 'invalid_request_error'],
  allowance_exceeded: [400, 'invalid_request_error'],
  model_not_found: [404, 'invalid_request_error'],
  unsupported_endpoint: [404, 'invalid_request_error'],
  engine_overloaded: [503, 'server_error'],
  engine_unreachable: [502, 'server_error'],
  engine_failed: [502, 'server_error'],
  engine_timeout: [504, 'server_error'],
  engine_no_usage: [502, 'server_error'],
  internal_error: [500, 'server_error'],
} as const satisfies Record<Code, readonly [number, string]>

/** An error as the client reads it. */
export interface ErrorAnswer {
  readonly status: number
  readonly error: ErrorObject & { readonly code: Code }
}

/** OpenAI's error object for anything thrown after the body was opened. */
export function errorAnswer(error: unknown): ErrorAnswer {
  const known = error instanceof ServeError || error instanceof EngineError ? error : undefined
  const { code, message, param } =
    known ?? new ServeError('internal_error', 'the runner failed to serve this request')
  const [status, type] = ANSWERS[code]
  return { status, error: { message, type, param, code } }
}
