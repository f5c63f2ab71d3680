import type { JsonObject } from '../../engine.ts'
import type { ErrorObject } from '../dialect.ts'

/** Anthropic's names for OpenAI's kinds of errors. */
const TYPES: Readonly<Record<string, string>> = {
  model_not_found: 'not_found_error',
  unsupported_endpoint: 'not_found_error',
  engine_overloaded: 'overloaded_error',
}

/** An error in Anthropic's shape; `code` and `param` stay beside it. @see https://docs.anthropic.com/en/api/errors */
export function anthropicError({ message, type, param, code }: ErrorObject): JsonObject {
  const kind = type === 'invalid_request_error' ? type : 'api_error'
  return { type: 'error', error: { type: TYPES[code] ?? kind, message, code, param } }
}
