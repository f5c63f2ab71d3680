import { fromUtf8 } from '#base/bytes.ts'
import { readBounded } from '#base/read-bounded.ts'
import { problemCode } from '#protocol'
import { ClientError, type ClientErrorCode } from '../errors.ts'
import { member, textMember } from '../http.ts'

/**
 * What an answer outside the seal makes us do. Anybody on the way can have written it: only its status and a code
 * of ours are read; no text, link or address of it is shown or followed (M5).
 */
export type UnsealedAnswer =
  | { readonly kind: 'keys-changed' }
  | { readonly kind: 'cheque-due' }
  | { readonly kind: 'gone' }
  | {
      readonly kind: 'refused'
      readonly code: ClientErrorCode
      readonly detail: string
      readonly retryAfter: string | undefined
    }

const MAX_BYTES = 64 * 1024
const RETRY_AFTER = /^[0-9]{1,4}$/

const BY_STATUS: Readonly<Record<number, ClientErrorCode>> = {
  401: 'invalid_api_key',
  402: 'insufficient_credits',
  403: 'forbidden',
  413: 'request_too_large',
  426: 'version_unsupported',
  429: 'rate_limited',
}
/** Statuses that say that this runner cannot be reached now. */
const GONE: ReadonlySet<number> = new Set([404, 500, 502, 503, 504])

/** The runner has other keys than its session says; an allowance fails when it restarted under the same lease. */
const KEYS_CHANGED: ReadonlySet<string> = new Set([
  'key_stale',
  'allowance_invalid',
  'allowance_expired',
])

export async function readUnsealedAnswer(response: Response): Promise<UnsealedAnswer> {
  const { status } = response
  if (status >= 200 && status < 300) {
    await response.body?.cancel()
    throw new ClientError('answer_unsealed', 'A successful answer came without a seal')
  }
  const body = await readJson(response)
  const problem = problemCode(body)
  if (problem !== undefined && KEYS_CHANGED.has(problem)) return { kind: 'keys-changed' }
  if (problem === 'replay_full' || problem === 'session_limit' || GONE.has(status)) {
    return { kind: 'gone' }
  }
  const code = textMember(member(body, 'error'), 'code')
  if (status === 402 && code === 'cheque_due') return { kind: 'cheque-due' }
  const tooDear = code === 'cost_above_maximum' || problem === 'cost_above_maximum'
  const retryAfter = response.headers.get('retry-after')
  return {
    kind: 'refused',
    code: tooDear ? 'cost_above_maximum' : (BY_STATUS[status] ?? 'refused_unsealed'),
    detail: problem === undefined ? `status ${status}` : `status ${status}, ${problem}`,
    retryAfter: retryAfter !== null && RETRY_AFTER.test(retryAfter) ? retryAfter : undefined,
  }
}

async function readJson(response: Response): Promise<unknown> {
  try {
    const bytes = await readBounded(response, MAX_BYTES)
    if (bytes === undefined) return undefined
    const value: unknown = JSON.parse(fromUtf8(bytes))
    return value
  } catch {
    return undefined
  }
}
