import type { Json } from '#base/jcs.ts'
import { EngineError } from '../engine-error.ts'
import { isObject } from '../fields.ts'
import type { UpstreamAnswer } from './upstream.ts'

const MAX_ANSWER_BYTES = 64 * 1024 * 1024
const MAX_ERROR_LENGTH = 2000

/** Reads a whole JSON body; undefined when it is not JSON. @throws EngineError when it is too long */
export async function readJson(pieces: AsyncIterable<Uint8Array>): Promise<Json | undefined> {
  const parts: Uint8Array[] = []
  let length = 0
  for await (const piece of pieces) {
    length += piece.length
    if (length > MAX_ANSWER_BYTES) throw new EngineError('engine_failed', 'the answer is too long')
    parts.push(piece)
  }
  try {
    return JSON.parse(Buffer.concat(parts).toString('utf8'))
  } catch {
    return undefined
  }
}

/**
 * Turns an engine's refusal into ours. A 400's message is passed on, since it tells the caller what to
 * fix; it travels inside the seal only and is never logged.
 */
export async function refuseStatus({ status, pieces }: UpstreamAnswer): Promise<never> {
  const body = await readJson(pieces)
  const error = isObject(body) ? (isObject(body['error']) ? body['error'] : body) : {}
  if (status === 429 || status === 503) {
    throw new EngineError('engine_overloaded', 'the engine is busy')
  }
  if (status !== 400 && status !== 404 && status !== 413 && status !== 422) {
    throw new EngineError('engine_failed', `the engine answered ${status}`)
  }
  const told =
    typeof error['message'] === 'string' ? error['message'] : 'the engine refused the request'
  const message = told.slice(0, MAX_ERROR_LENGTH)
  const isTooLong =
    error['code'] === 'context_length_exceeded' || /maximum context length|context size/i.test(told)
  if (isTooLong) throw new EngineError('context_length_exceeded', message, { param: 'messages' })
  const param = error['param']
  throw new EngineError('invalid_request', message, typeof param === 'string' ? { param } : {})
}
