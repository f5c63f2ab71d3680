import { utf8 } from '#base/bytes.ts'
import { ApiError, type ApiErrorCode, errorObject } from '../errors.ts'
import type { Failure } from '../relay/plain-outcome.ts'
import type { InferencePath } from './endpoints.ts'

const LOST = ['runner_lost', 'The runner was lost in the middle of its answer'] as const
const REASONS = {
  refused: LOST,
  full: LOST,
  broken: LOST,
  unsafe: LOST,
  timeout: ['runner_timeout', 'The runner stalled in the middle of its answer'],
  unauthentic: [
    'runner_misbehaved',
    'The rest of the answer was not authentic; nothing is charged',
  ],
  endless: ['runner_misbehaved', 'The runner’s answer did not end; nothing is charged'],
} as const satisfies Record<Failure, readonly [ApiErrorCode, string]>

/**
 * What a stream ends with when its runner fails in the middle: an error event that every SDK raises, in the words of the
 * API that was asked, never a bare end that looks like an answer.
 */
export function lostEvent(path: InferencePath, how: Failure): Uint8Array {
  const [code, message] = REASONS[how]
  const error = new ApiError(code, message)
  if (path === '/v1/messages') {
    return event('error', { type: 'error', error: { type: 'api_error', message } })
  }
  if (path === '/v1/responses') {
    // Older SDKs look for `error` itself, newer ones for the event's name.
    return event('error', { type: 'error', code, message, param: null, ...errorObject(error) })
  }
  return event(undefined, errorObject(error))
}

function event(name: string | undefined, data: object): Uint8Array {
  const head = name === undefined ? '' : `event: ${name}\n`
  return utf8(`${head}data: ${JSON.stringify(data)}\n\n`)
}
