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

/** A whole JSON answer with its length. */
export function sendWhole(
  client: Client,
  status: number,
  headers: Readonly<Record<string, string>>,
  body: Uint8Array,
): void {
  client.head(status, { ...headers, ...JSON_HEADERS, 'content-length': String(body.length) })
  client.end(body)
}
