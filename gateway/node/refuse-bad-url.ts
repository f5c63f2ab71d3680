import { RequestError } from '@hono/node-server'
import { ApiError } from '../errors.ts'
import { anyErrorAnswer } from '../http/any-error.ts'
import { COMMON_HEADERS } from '../http/cors.ts'

/** The adapter refuses by itself, without a body, what has no URL, such as `OPTIONS *`: here in the form of everything else. */
export function refuseBadUrl(thrown: unknown): Response {
  const isBadUrl = thrown instanceof RequestError
  const error = isBadUrl
    ? new ApiError('invalid_request', 'The request names no valid URL')
    : thrown
  const { status, headers, body } = anyErrorAnswer(error)
  return new Response(body, { status, headers: { ...COMMON_HEADERS, ...headers } })
}
