import type { Bytes } from '#base/bytes.ts'

/**
 * Sizes that a sealed plaintext may have: the smallest that fits, above the last one a multiple of it.
 * @see SPEC.md section 3.4
 */
export const SSE_BUCKETS_BYTES = [512, 1024, 2048, 4096, 8192, 16_384] as const
export const JSON_BUCKETS_BYTES = [1024, 2048, 4096, 8192, 16_384, 32_768, 65_536] as const

/** Events that arrive within this time share a frame, as long as they fit its bucket. */
export const COALESCE_MS = 5
/** Fixed-rate streams: the body's member that asks for one, what it takes, and the size of each frame. @see SPEC.md section 3.5 */
export const PACE = {
  member: 'cocoon_pace_ms',
  leastMs: 50,
  mostMs: 1_000,
  frameBytes: 2_048,
} as const

/** More bytes than padding and frames add to a request body: a limit of bodies is raised by it for sealed ones. */
export const SEAL_ROOM_BYTES = 1024 * 1024
const SPACE = 0x20
const NEWLINE = 0x0a
const COLON = 0x3a
const FILLER = 0x2e
/** The shortest comment: colon and an empty line. */
const MIN_COMMENT_BYTES = 3

export function bucketFor(length: number, buckets: readonly number[]): number {
  const fits = buckets.find((bucket) => length <= bucket)
  if (fits !== undefined) return fits
  const last = buckets.at(-1) ?? 1
  return Math.ceil(length / last) * last
}

/** JSON text with spaces after it: a JSON reader ignores them. An empty body stays empty. */
export function padJson(body: Uint8Array): Bytes {
  const length = body.length === 0 ? 0 : bucketFor(body.length, JSON_BUCKETS_BYTES)
  const padded = new Uint8Array(length).fill(SPACE, body.length)
  padded.set(body)
  return padded
}

/**
 * Whole SSE events with a comment after them: an SSE reader ignores it.
 * @param least a bucket that the plaintext has at least
 */
export function padSse(events: Uint8Array, least = 0): Bytes {
  const exact = bucketFor(Math.max(events.length, least), SSE_BUCKETS_BYTES)
  const gap = exact - events.length
  // One or two bytes hold no comment: take the next bucket.
  const length =
    gap > 0 && gap < MIN_COMMENT_BYTES ? bucketFor(exact + 1, SSE_BUCKETS_BYTES) : exact
  const padded = new Uint8Array(length).fill(FILLER, events.length)
  padded.set(events)
  if (length > events.length) {
    padded[events.length] = COLON
    padded.fill(NEWLINE, length - 2)
  }
  return padded
}

/** The body without the spaces that `padJson` may have put behind it. */
export function trimSpaces(body: Uint8Array): Uint8Array {
  let end = body.length
  while (end > 0 && body[end - 1] === SPACE) end--
  return body.subarray(0, end)
}
