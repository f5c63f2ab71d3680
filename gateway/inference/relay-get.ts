import { toSeconds } from '#base/brand.ts'
import { HPKE_KEYS_PATH } from '#protocol'
import { ApiError } from '../errors.ts'
import type { Client } from '../relay/ports.ts'
import { runSealedAttempt } from '../relay/sealed-attempt.ts'
import { isTrusted } from '../runners/directory.ts'
import type { LiveRunner } from '../runners/live-runner.ts'
import type { InferenceDeps } from './deps.ts'

export const ATTESTATION_PATH = '/v1/aci/attestation'

const NONCE = /^[0-9a-f]{64}$/
/** Evidence with eight GPUs has about 3 MB. */
const MAX_DOCUMENT_BYTES = 16 * 1024 * 1024

/** Whether a runner's own address answers this path to anybody. */
export function isRelayedGet(path: string): boolean {
  return path === HPKE_KEYS_PATH || path === ATTESTATION_PATH
}

/** Passes a runner's public documents on: its key configuration, and its quote over a caller's nonce. */
export type RelayGet = (input: {
  readonly client: Client
  readonly runner: LiveRunner
  readonly path: string
  readonly query: URLSearchParams
  /** Whom the share is about. */
  readonly from: string
  readonly headers: Readonly<Record<string, string>>
}) => Promise<string>

export function createRelayGet(
  deps: Pick<InferenceDeps, 'upstream' | 'watchdog' | 'clock' | 'quotes'>,
): RelayGet {
  return async ({ client, runner, path, query, from, headers }) => {
    if (!isTrusted(runner, toSeconds(deps.clock()))) {
      throw new ApiError('no_runner', 'This runner is not attested at the moment')
    }
    const ended = deps.quotes.take(runner.id, from)
    if (ended === undefined) {
      throw new ApiError('overloaded', 'This runner is being asked too often')
    }
    try {
      const { kind } = await runSealedAttempt(deps, {
        client,
        headers,
        maxBytes: MAX_DOCUMENT_BYTES,
        timing: () => ({}),
        onHead: () => {},
        request: {
          target: runner.lease.target,
          method: 'GET',
          path: path + queryOf(path, query),
          headers: {},
          body: null,
        },
      })
      if (kind === 'failed') {
        throw new ApiError('runner_unreachable', 'The runner could not be reached')
      }
      return kind
    } finally {
      ended()
    }
  }
}

function queryOf(path: string, query: URLSearchParams): string {
  if (path !== ATTESTATION_PATH) return ''
  const nonce = query.get('nonce')
  if (nonce === null) return ''
  if (NONCE.test(nonce)) return `?nonce=${nonce}`
  throw new ApiError('invalid_request', 'nonce must be 64 lower-case hex digits', {
    param: 'nonce',
  })
}
