import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { ApiError, type ApiErrorCode, errorAnswer } from '../errors.ts'
import { COMMON_HEADERS } from '../http/cors.ts'
import { httpAnswerText } from './http-answer.ts'

/** Node's parser codes that have a status of their own; all others are a malformed request. */
const CODES: Readonly<Record<string, readonly [code: ApiErrorCode, message: string]>> = {
  HPE_HEADER_OVERFLOW: ['headers_too_large', 'The request has too many bytes of headers'],
  ERR_HTTP_REQUEST_TIMEOUT: ['request_timeout', 'The request did not arrive whole in time'],
}
const NO_HOST = ['invalid_request', 'HTTP/1.1 needs a Host header'] as const
const BAD_HOST = ['invalid_request', 'A request names one valid host'] as const
const NO_PROXY = ['method_not_allowed', 'This is no proxy: it takes no CONNECT'] as const
const NO_ROOM = ['overloaded', 'This gateway holds as many connections as it may'] as const
const MALFORMED = ['invalid_request', 'The request is not valid HTTP'] as const

/**
 * What no handler ever sees, since it is no HTTP request, is refused in the same form as everything else. A connection
 * that is in the middle of an answer is cut instead: two answers must not mix.
 */
export function refuseBadHttp(server: Server): void {
  const answering = new WeakMap<Duplex, ServerResponse>()
  server.on('request', (request, response) => {
    answering.set(request.socket, response)
  })
  // What else may be expected than 100-continue is nobody's standard: served as if it were not asked for.
  server.on('checkExpectation', (request, response) => server.emit('request', request, response))
  server.on('connect', (_, socket) => {
    socket.end(refusal(NO_PROXY), () => socket.destroy())
  })
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    const current = answering.get(socket)
    const isMidAnswer = current?.headersSent === true && !current.writableFinished
    if (!socket.writable || isMidAnswer) {
      socket.destroy()
      return
    }
    socket.end(refusal(CODES[error.code ?? ''] ?? MALFORMED), () => socket.destroy())
  })
}

function refusal([code, message]: readonly [code: ApiErrorCode, message: string]): string {
  const answer = errorAnswer(new ApiError(code, message))
  return httpAnswerText({ ...answer, headers: { ...COMMON_HEADERS, ...answer.headers } })
}

/** There was no room for the connection: it is refused in order, and ended. */
export function refuseBeyondLimit(response: ServerResponse): void {
  response.socket?.end(refusal(NO_ROOM))
}

const HOST_NAME = 'host'
/** What a host and its port are made of (RFC 3986 section 3.2); empty where a URL has none. */
const HOST = /^[\w.~%!$&'()*+,;=:[\]-]*$/

/**
 * Without a host, or with more than one, of which a proxy in front may have read another than we would (RFC 9112 section 3.2).
 * Node refuses the first by itself, unless told not to, without a body. @returns whether it was refused
 */
export function refuseBadHost(request: IncomingMessage, response: ServerResponse): boolean {
  const { host } = request.headers
  const why =
    host === undefined
      ? request.httpVersion === '1.1' && NO_HOST
      : (!HOST.test(host) || hasTwoHosts(request)) && BAD_HOST
  if (why === false) return false
  response.socket?.end(refusal(why))
  return true
}

/** Node keeps the first and says nothing. Names and values take turns, and each request comes by here. */
function hasTwoHosts({ rawHeaders }: IncomingMessage): boolean {
  let hosts = 0
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]
    if (name?.length === HOST_NAME.length && name.toLowerCase() === HOST_NAME) hosts++
  }
  return hosts > 1
}
