import type { Client } from './ports.ts'

export const SSE_HEADERS = {
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-cache',
  'x-accel-buffering': 'no',
}
export const JSON_HEADERS = {
  'content-type': 'application/json; charset=utf-8',
  'cache-control': 'no-store',
}

/** Seconds that a client waits when nothing better is known. */
const RETRY_AFTER_SECONDS = '1'

/** Whether the same request may succeed later, as the gateway's own errors say it. */
function retryHeaders(status: number): Readonly<Record<string, string>> {
  if (status < 400) return {}
  if (status < 500) return { 'x-should-retry': 'false' }
  return {
    'x-should-retry': 'true',
    ...(status === 503 ? { 'retry-after': RETRY_AFTER_SECONDS } : {}),
  }
}

/** A whole JSON answer with its length. */
export function sendWhole(
  client: Client,
  status: number,
  headers: Readonly<Record<string, string>>,
  body: Uint8Array,
): void {
  const length = { 'content-length': String(body.length) }
  client.head(status, { ...headers, ...JSON_HEADERS, ...retryHeaders(status), ...length })
  client.end(body)
}
