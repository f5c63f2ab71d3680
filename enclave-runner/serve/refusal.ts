import { CodedError } from '#base/coded-error.ts'
import { ProtocolError, toProblem } from '#protocol'
import { QuoteError } from '../quote/quote-error.ts'

/**
 * What the runner refuses before it can seal an answer. The caller's action:
 * - `not_found`, `method_not_allowed`, `bad_nonce`, `body_too_large`: fix the request.
 * - `busy`, `credit_exhausted`, `not_ready`: retry at another runner, or here later.
 */
export type RefusalCode =
  | 'not_found'
  | 'method_not_allowed'
  | 'bad_nonce'
  | 'body_too_large'
  | 'busy'
  | 'credit_exhausted'
  | 'not_ready'

export class Refusal extends CodedError<RefusalCode> {
  override readonly name = 'Refusal'
}

const STATUS = {
  not_found: 404,
  method_not_allowed: 405,
  bad_nonce: 400,
  body_too_large: 413,
  busy: 503,
  credit_exhausted: 503,
  not_ready: 503,
} as const satisfies Record<RefusalCode, number>

/** A plain, unauthenticated answer: the receiver may act on it but must not believe it. */
export interface PlainAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

const RETRY_SECONDS = 1

/** The answer outside the seal to anything thrown before the body was opened. */
export function refusalAnswer(error: unknown): PlainAnswer {
  if (error instanceof ProtocolError) {
    const problem = toProblem(error)
    return plain(problem.status, problem.contentType, problem.body)
  }
  if (error instanceof Refusal) return openAiError(STATUS[error.code], error.code, error.message)
  if (error instanceof QuoteError) return openAiError(503, error.code, 'no quote at this moment')
  return openAiError(500, 'internal_error', 'the runner failed')
}

function openAiError(status: number, code: string, message: string): PlainAnswer {
  const type = status >= 500 ? 'server_error' : 'invalid_request_error'
  return plain(status, 'application/json', { error: { message, type, param: null, code } })
}

function plain(status: number, contentType: string, body: object): PlainAnswer {
  return {
    status,
    headers: {
      'content-type': contentType,
      'cache-control': 'no-store',
      ...(status === 503 ? { 'retry-after': String(RETRY_SECONDS) } : {}),
    },
    body: JSON.stringify(body),
  }
}
