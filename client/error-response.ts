import { ClientError, type ClientErrorCode } from './errors.ts'

/** Errors that a program makes and not the world: they are thrown, since no answer would be looked at. */
const THROWN: ReadonlySet<ClientErrorCode> = new Set([
  'bad_option',
  'insecure_base_url',
  'cross_origin',
  'url_credentials',
  'reserved_header',
  'aborted',
])

export function isThrown(error: unknown): boolean {
  return !(error instanceof ClientError) || THROWN.has(error.code)
}

/**
 * A refusal as OpenAI's clients show it: their own retries stay off unless a retry can help, and the message says
 * what to do.
 * @param extra further members of the error object, made by us
 */
export function errorResponse(
  error: ClientError,
  extra: Readonly<Record<string, unknown>> = {},
): Response {
  const { code, status, retry } = error
  // Most clients show the message and nothing else.
  const link = typeof extra['top_up_url'] === 'string' ? ` ${extra['top_up_url']}` : ''
  const message = `${error.message}${link}`
  const body = { error: { message, type: 'cocoon_client_error', param: null, code, ...extra } }
  return new Response(JSON.stringify(body), {
    // Response takes no 499.
    status: status < 200 || status > 599 ? 502 : status,
    headers: {
      'content-type': 'application/json',
      'x-should-retry': String(retry),
      'x-cocoon-error': code,
    },
  })
}
