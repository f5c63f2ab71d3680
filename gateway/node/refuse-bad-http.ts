import type { Server, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { ApiError, type ApiErrorCode, errorAnswer } from '../errors.ts'
import { httpAnswerText } from './http-answer.ts'

/** Node's parser codes that have a status of their own; all others are a malformed request. */
const CODES: Readonly<Record<string, readonly [code: ApiErrorCode, message: string]>> = {
  HPE_HEADER_OVERFLOW: ['headers_too_large', 'The request has too many bytes of headers'],
  ERR_HTTP_REQUEST_TIMEOUT: ['request_timeout', 'The request did not arrive whole in time'],
}
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
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    const current = answering.get(socket)
    const isMidAnswer = current?.headersSent === true && !current.writableFinished
    if (!socket.writable || isMidAnswer) {
      socket.destroy()
      return
    }
    const [code, message] = CODES[error.code ?? ''] ?? MALFORMED
    socket.end(httpAnswerText(errorAnswer(new ApiError(code, message))), () => socket.destroy())
  })
}
