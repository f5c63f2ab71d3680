import type { InferencePath } from './endpoints.ts'
import type { Bound } from './terms.ts'

/** Head and tail of an answer, its padding and receipt, and comments that keep it alive for an hour. */
const FIXED_BYTES = 1024 * 1024
/** One event for each token, with twenty alternatives and their bytes, padded and framed. */
const TOKEN_BYTES = 8 * 1024
/** A vector of 8,192 numbers in digits. */
const VECTOR_BYTES = 256 * 1024
const MAX_VECTORS = 2_048
/** A Response repeats its request's instructions and tools in three events; a token has some letters. */
const ECHO_BYTES = 64

/** The most bytes that an answer within its allowance can have: more is a runner that does not end. */
export function answerBytes(path: InferencePath, bound: Bound): number {
  const vectors = path === '/v1/embeddings' ? Math.min(bound.promptTokens, MAX_VECTORS) : 0
  const echo = path === '/v1/responses' ? bound.promptTokens * ECHO_BYTES : 0
  return FIXED_BYTES + echo + bound.completionTokens * TOKEN_BYTES + vectors * VECTOR_BYTES
}
