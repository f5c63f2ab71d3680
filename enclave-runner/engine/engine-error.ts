import { CodedError } from '#base/coded-error.ts'

/**
 * What an engine can fail with. The caller's action:
 * - `invalid_request`, `unsupported_parameter`, `context_length_exceeded`: fix the request.
 * - `engine_overloaded`: retry later.
 * - `engine_unreachable`, `engine_failed`, `engine_timeout`: retry, elsewhere if possible.
 * - `engine_no_usage`: stop; the engine is misconfigured and cannot be billed.
 */
export type EngineErrorCode =
  | 'invalid_request'
  | 'unsupported_parameter'
  | 'context_length_exceeded'
  | 'engine_overloaded'
  | 'engine_unreachable'
  | 'engine_failed'
  | 'engine_timeout'
  | 'engine_no_usage'

/** Messages go to the client inside the seal; they name parameters and counts, never content. */
export class EngineError extends CodedError<EngineErrorCode> {
  override readonly name = 'EngineError'
  /** The offending request field, for OpenAI's `param`. */
  readonly param: string | null

  constructor(
    code: EngineErrorCode,
    message: string,
    options: ErrorOptions & { param?: string } = {},
  ) {
    super(code, message, options)
    this.param = options.param ?? null
  }
}
