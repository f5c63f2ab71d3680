import { CodedError } from '#base/coded-error.ts'

/**
 * Everything that this gateway refuses, once: status, OpenAI's `type`, and whether the same request may succeed
 * later (`retry`, sent as `x-should-retry`). Nobody else builds an error body. The caller's action:
 *
 * | codes | action |
 * |---|---|
 * | 400, 404, 405, 409, 412, 413, 426, 431, 501 | fix the request |
 * | 401, 403 | use another key, seal the request, or ask the operator |
 * | 402 | top up (the message has the link), raise the key's budget, or send a cheque |
 * | 408, 429, 502, 503, 504 | retry after a pause |
 * | 500 | retry once, then tell the operator |
 */
const ERRORS = {
  invalid_request: [400, 'invalid_request_error', false],
  invalid_json: [400, 'invalid_request_error', false],
  unsupported_parameter: [400, 'invalid_request_error', false],
  price_ceiling: [400, 'invalid_request_error', false],
  seal_required: [400, 'invalid_request_error', false],
  seal_invalid: [400, 'invalid_request_error', false],
  invalid_challenge: [400, 'invalid_request_error', false],
  invalid_registration: [400, 'invalid_request_error', false],
  transport_refused: [400, 'invalid_request_error', false],
  invalid_api_key: [401, 'invalid_request_error', false],
  invalid_admin_key: [401, 'invalid_request_error', false],
  insufficient_credits: [402, 'insufficient_quota', false],
  daily_cap: [402, 'insufficient_quota', false],
  cheque_due: [402, 'insufficient_quota', false],
  key_budget_exceeded: [402, 'insufficient_quota', false],
  cost_above_maximum: [402, 'insufficient_quota', false],
  account_closed: [403, 'permission_error', false],
  plaintext_refused: [403, 'permission_error', false],
  sealed_only: [403, 'permission_error', false],
  model_not_allowed: [403, 'permission_error', false],
  origin_not_allowed: [403, 'permission_error', false],
  admin_key_required: [403, 'permission_error', false],
  forbidden: [403, 'permission_error', false],
  signature_invalid: [403, 'permission_error', false],
  evidence_refused: [403, 'permission_error', false],
  runner_denied: [403, 'permission_error', false],
  wallet_unproven: [403, 'permission_error', false],
  wallet_waiting: [403, 'permission_error', false],
  not_found: [404, 'invalid_request_error', false],
  model_not_found: [404, 'invalid_request_error', false],
  unsupported_endpoint: [404, 'invalid_request_error', false],
  runner_not_found: [404, 'invalid_request_error', false],
  key_not_found: [404, 'invalid_request_error', false],
  account_not_found: [404, 'invalid_request_error', false],
  method_not_allowed: [405, 'invalid_request_error', false],
  request_timeout: [408, 'invalid_request_error', true],
  conflict: [409, 'invalid_request_error', false],
  gateway_not_attested: [409, 'invalid_request_error', false],
  account_exists: [409, 'invalid_request_error', false],
  hardware_in_use: [409, 'invalid_request_error', false],
  idempotent_repeat: [409, 'invalid_request_error', false],
  idempotency_key_reused: [409, 'invalid_request_error', false],
  sequence_reused: [409, 'invalid_request_error', false],
  session_not_accepted: [412, 'session_not_accepted', false],
  request_too_large: [413, 'invalid_request_error', false],
  version_unsupported: [426, 'invalid_request_error', false],
  headers_too_large: [431, 'invalid_request_error', false],
  rate_limit_exceeded: [429, 'rate_limit_error', true],
  concurrency_exceeded: [429, 'rate_limit_error', true],
  request_exceeds_limit: [429, 'rate_limit_error', false],
  internal_error: [500, 'server_error', true],
  not_implemented: [501, 'invalid_request_error', false],
  runner_unreachable: [502, 'server_error', true],
  runner_lost: [502, 'server_error', true],
  runner_misbehaved: [502, 'server_error', true],
  upstream_verification_failed: [503, 'upstream_verification_failed', true],
  no_runner: [503, 'server_error', true],
  overloaded: [503, 'server_error', true],
  shutting_down: [503, 'server_error', true],
  chain_unavailable: [503, 'server_error', true],
  runner_timeout: [504, 'server_error', true],
} as const satisfies Record<string, readonly [status: number, type: string, retry: boolean]>

export type ApiErrorCode = keyof typeof ERRORS
export type ApiErrorStatus = (typeof ERRORS)[ApiErrorCode][0]

export interface ApiErrorDetails {
  /** The request's member that is at fault. */
  readonly param?: string
  readonly headers?: Readonly<Record<string, string>>
  /** Further members of the error object: ids, codes and counts only. */
  readonly extra?: Readonly<Record<string, unknown>>
  readonly cause?: unknown
}

/** The one error that routes and the hot path answer with. Messages hold ids, codes and counts only. */
export class ApiError extends CodedError<ApiErrorCode> {
  override readonly name = 'ApiError'
  readonly param: string | null
  readonly headers: Readonly<Record<string, string>>
  readonly extra: Readonly<Record<string, unknown>>

  constructor(code: ApiErrorCode, message: string, details: ApiErrorDetails = {}) {
    super(code, message, details.cause === undefined ? undefined : { cause: details.cause })
    this.param = details.param ?? null
    this.headers = details.headers ?? {}
    this.extra = details.extra ?? {}
  }

  get status(): ApiErrorStatus {
    return ERRORS[this.code][0]
  }
}

/** Seconds that a client waits when nothing better is known. */
const RETRY_AFTER_SECONDS = '1'

export interface ErrorAnswer {
  readonly status: ApiErrorStatus
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** OpenAI's error object: all four members always there, `code` null for an unknown URL as OpenAI does. */
export function errorObject(error: ApiError): Readonly<Record<string, unknown>> {
  const [, type] = ERRORS[error.code]
  const code = error.code === 'not_found' ? null : error.code
  return { error: { message: error.message, type, param: error.param, code, ...error.extra } }
}

/**
 * The whole answer to anything thrown. An unknown error becomes `internal_error` without its text.
 * @param bodyOf how the caller's API says it
 */
export function errorAnswer(
  thrown: unknown,
  bodyOf: (error: ApiError) => object = errorObject,
): ErrorAnswer {
  const error = toApiError(thrown)
  const [status, , retry] = ERRORS[error.code]
  return {
    status,
    headers: {
      'content-type': 'application/json; charset=utf-8',
      'cache-control': 'no-store',
      'x-should-retry': String(retry),
      ...(retry && (status === 503 || status === 429)
        ? { 'retry-after': RETRY_AFTER_SECONDS }
        : {}),
      ...(status === 401 ? { 'www-authenticate': 'Bearer' } : {}),
      ...error.headers,
    },
    body: JSON.stringify(bodyOf(error)),
  }
}

function toApiError(thrown: unknown): ApiError {
  if (thrown instanceof ApiError) return thrown
  return new ApiError('internal_error', 'The gateway failed to serve this request', {
    cause: thrown,
  })
}

/** Every code with its status, for the API description and its test. */
export function errorCodes(): ReadonlyMap<ApiErrorCode, ApiErrorStatus> {
  // Sound: the table's own keys are the codes.
  const entries = Object.entries(ERRORS) as [ApiErrorCode, (typeof ERRORS)[ApiErrorCode]][]
  return new Map(entries.map(([code, [status]]) => [code, status]))
}
