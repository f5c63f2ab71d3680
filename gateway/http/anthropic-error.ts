import type { ApiError } from '../errors.ts'

/** Anthropic's names for what a status means. @see https://docs.anthropic.com/en/api/errors */
const TYPES: Readonly<Record<number, string>> = {
  401: 'authentication_error',
  402: 'billing_error',
  403: 'permission_error',
  404: 'not_found_error',
  413: 'request_too_large',
  429: 'rate_limit_error',
  503: 'overloaded_error',
  504: 'timeout_error',
}

/** An error as clients of Anthropic's Messages read it; our code and its further members stay beside the message. */
export function anthropicErrorObject(error: ApiError, request: string): object {
  const { status, message, param, code, extra } = error
  const type = TYPES[status] ?? (status < 500 ? 'invalid_request_error' : 'api_error')
  return { type: 'error', error: { type, message, code, param, ...extra }, request_id: request }
}
