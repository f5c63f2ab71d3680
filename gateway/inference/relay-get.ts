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
/** Quotes cost a runner's hardware time: so many at once may be asked of one through this gateway (M7), … */
const MAX_AT_ONCE = 16
/** … and so many of them by one address, so that nobody keeps all others from a fresh quote. */
const MAX_BY_ONE = 8
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
  deps: Pick<InferenceDeps, 'upstream' | 'watchdog' | 'clock'>,
): RelayGet {
  const ofRunner = createCounts()
  const ofOne = createCounts()
  return async ({ client, runner, path, query, from, headers }) => {
    if (!isTrusted(runner, toSeconds(deps.clock()))) {
      throw new ApiError('no_runner', 'This runner is not attested at the moment')
    }
    const one = `${runner.id} ${from}`
    if (ofRunner.of(runner.id) >= MAX_AT_ONCE || ofOne.of(one) >= MAX_BY_ONE) {
      throw new ApiError('overloaded', 'This runner is being asked too often')
    }
    ofRunner.add(runner.id, 1)
    ofOne.add(one, 1)
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
      ofRunner.add(runner.id, -1)
      ofOne.add(one, -1)
    }
  }
}

/** How many of each name are under way. */
function createCounts() {
  const counts = new Map<string, number>()
  return {
    of: (name: string): number => counts.get(name) ?? 0,
    add(name: string, change: 1 | -1): void {
      const count = (counts.get(name) ?? 0) + change
      if (count === 0) counts.delete(name)
      else counts.set(name, count)
    },
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
