import { HEADER } from '#protocol'
import type { ReadHeader } from './ports.ts'

/**
 * What may pass from a runner to a client on the gateway's own origin. A runner's host is an attacker: no cookie,
 * no redirect, no document that a browser would run (H14).
 * @see SECURITY.md H14, M5
 */
const CONTENT_TYPES: readonly string[] = [
  'application/json',
  'application/problem+json',
  'application/octet-stream',
  'application/ohttp-keys',
  'text/event-stream',
]

/** Statuses that a runner has a reason to give. Payment and authentication are the gateway's own matters. */
const STATUSES: ReadonlySet<number> = new Set([
  200, 400, 403, 404, 405, 408, 409, 413, 415, 422, 426, 429, 500, 502, 503, 504,
])

const NONCE = /^[0-9a-f]{64}$/
const LENGTH = /^[0-9]{1,15}$/
const RETRY = /^[0-9]{1,4}$/

/** @returns undefined when the answer is not one that a runner may give */
export function relayedHeaders(
  status: number,
  header: ReadHeader,
): Readonly<Record<string, string>> | undefined {
  const type = contentType(header('content-type'))
  if (!STATUSES.has(status) || type === undefined) return undefined
  const headers: Record<string, string> = {
    'content-type': type,
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    'content-security-policy': 'sandbox',
  }
  if (type === 'text/event-stream') headers['x-accel-buffering'] = 'no'
  copyMatching(headers, header, HEADER.responseNonce, NONCE)
  copyMatching(headers, header, 'content-length', LENGTH)
  copyMatching(headers, header, 'retry-after', RETRY)
  return headers
}

/** The type without parameters, when it is a harmless one. Encodings are refused: we could not bound them. */
function contentType(value: string | undefined): string | undefined {
  const type = (value ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? ''
  return CONTENT_TYPES.includes(type) ? type : undefined
}

function copyMatching(
  headers: Record<string, string>,
  header: ReadHeader,
  name: string,
  pattern: RegExp,
): void {
  const value = header(name)
  if (value !== undefined && pattern.test(value)) headers[name] = value
}
