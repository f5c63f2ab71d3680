import { fromUtf8 } from '#base/bytes.ts'
import { readBounded } from '#base/read-bounded.ts'
import { ClientError } from './errors.ts'

export { member, textMember } from '#base/members.ts'

/** What every call of this client needs from its surroundings. */
export interface HttpDeps {
  readonly fetch: typeof fetch
}

const TIMEOUT_MS = 30_000
const MAX_JSON_BYTES = 8 * 1024 * 1024

/** A JSON answer of bounded size, never redirected. `undefined` stands for 404. */
export async function getJson(deps: HttpDeps, url: string): Promise<unknown> {
  return readJson(await send(deps, url, { headers: { accept: 'application/json' } }))
}

/** @param headers further headers, for example the API key */
export async function postJson(
  deps: HttpDeps,
  url: string,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): Promise<unknown> {
  const init = {
    method: 'POST',
    headers: { ...headers, 'content-type': 'application/json', accept: 'application/json' },
    body: JSON.stringify(body),
  }
  return readJson(await send(deps, url, init))
}

async function send(deps: HttpDeps, url: string, init: RequestInit): Promise<Response> {
  try {
    // Redirects are read as answers: a redirected nonce or key would prove nothing about this origin.
    const signal = AbortSignal.timeout(TIMEOUT_MS)
    return await deps.fetch(url, { ...init, redirect: 'manual', signal })
  } catch (cause) {
    throw new ClientError('gateway_unreachable', 'The request failed', { cause })
  }
}

async function readJson(response: Response): Promise<unknown> {
  const bytes = await readBounded(response, MAX_JSON_BYTES)
  if (bytes === undefined) {
    throw new ClientError('gateway_misbehaved', `The answer exceeds ${MAX_JSON_BYTES} bytes`)
  }
  if (response.status === 404) return undefined
  if (!response.ok) {
    const code = response.status >= 500 ? 'gateway_unreachable' : 'gateway_misbehaved'
    throw new ClientError(code, `The answer had status ${response.status}`)
  }
  try {
    const value: unknown = JSON.parse(fromUtf8(bytes))
    return value
  } catch (cause) {
    throw new ClientError('gateway_misbehaved', 'The answer is not JSON', { cause })
  }
}
