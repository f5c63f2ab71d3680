import type { PlainErrorAnswer } from '../http/any-error.ts'

/** An answer as bytes of HTTP/1.1, for connections that no request handler has. */
export function httpAnswerText({ status, headers, body }: PlainErrorAnswer): string {
  const all = { ...headers, 'content-length': Buffer.byteLength(body), connection: 'close' }
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}`)
  return [`HTTP/1.1 ${status} Refused`, ...lines, '', body].join('\r\n')
}
