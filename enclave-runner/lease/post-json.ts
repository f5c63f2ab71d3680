import { type Bytes, fromUtf8 } from '#base/bytes.ts'
import type { Json } from '#base/jcs.ts'
import { readBounded } from '#base/read-bounded.ts'
import { LeaseError } from './lease-error.ts'

const TIMEOUT_MS = 30_000
const MAX_ANSWER_BYTES = 1024 * 1024
const UPGRADE_REQUIRED = 426
const CODE = /^[a-z0-9_.-]{1,64}$/i

/**
 * Posts JSON to a gateway and reads its JSON answer. A refusal's code, never its text, goes into the error.
 * @throws LeaseError
 */
export async function postJson(
  fetch: typeof globalThis.fetch,
  url: string,
  body: Json,
  stop: AbortSignal,
): Promise<unknown> {
  let status: number
  let bytes: Bytes | undefined
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
      redirect: 'error',
      signal: AbortSignal.any([stop, AbortSignal.timeout(TIMEOUT_MS)]),
    })
    status = response.status
    bytes = await readBounded(response, MAX_ANSWER_BYTES)
  } catch (cause) {
    throw new LeaseError('unreachable', 'no answer from the gateway', { cause })
  }
  if (status >= 500) throw new LeaseError('unreachable', `the gateway answered ${status}`)
  if (bytes === undefined) throw new LeaseError('malformed', 'the answer is too long')
  if (status === UPGRADE_REQUIRED) {
    const fix = 'upgrade the older of this runner and the gateway'
    throw new LeaseError('rejected', `no common protocol version: ${fix}`)
  }
  const answer = parse(bytes)
  if (status >= 400) {
    throw new LeaseError('rejected', `the gateway answered ${status} (${codeOf(answer)})`)
  }
  return answer
}

function parse(bytes: Bytes): unknown {
  try {
    return JSON.parse(fromUtf8(bytes))
  } catch {
    return undefined
  }
}

function codeOf(answer: unknown): string {
  const error =
    typeof answer === 'object' && answer !== null && 'error' in answer ? answer.error : answer
  const code =
    typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined
  return typeof code === 'string' && CODE.test(code) ? code : 'no code'
}
