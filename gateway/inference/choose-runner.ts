import { utf8 } from '#base/bytes.ts'
import type { AccountId } from '../db/ids.ts'
import { ApiError, type ApiErrorCode } from '../errors.ts'
import type { LiveRunner } from '../runners/live-runner.ts'
import type { InferenceDeps } from './deps.ts'
import { type Candidate, type PickFailure, pick } from './pick.ts'

import type { Ask } from './read-ask.ts'

const UINT32 = 2 ** 32

/**
 * A runner for this request, among those not tried yet.
 * @throws ApiError `model_not_found`, `session_not_accepted`, `upstream_verification_failed`, `no_runner`,
 * `price_ceiling`, `overloaded`
 */
export function chooseRunner(
  deps: InferenceDeps,
  ask: Ask,
  account: AccountId,
  tried: ReadonlySet<string>,
): Candidate {
  const offer = deps.catalog.find(ask.model)
  if (offer === undefined) {
    throw new ApiError('model_not_found', `The model does not exist or is not offered here`, {
      param: 'model',
    })
  }
  const now = deps.clock()
  const candidates = accepted(ask, deps.directory.eligible(ask.model, now)).map((runner) => ({
    runner,
    terms: deps.quoteTerms(runner, offer),
  }))
  const affinity =
    ask.cacheKey === undefined
      ? undefined
      : // The account is part of the name: one caller's key says nothing about another's cache (H10).
        deps.affinity.mac(utf8(`${account}\0${ask.cacheKey}`))
  const { preferences } = ask
  const picked = pick(
    { candidates, preferences, affinity, tried, now },
    deps.provider.hashes,
    () => {
      const bytes = deps.random(4)
      return new DataView(bytes.buffer, bytes.byteOffset).getUint32(0) / UINT32
    },
  )
  if (picked.ok) return picked.candidate
  const [code, message] = FAILURES[picked.reason]
  throw new ApiError(code, message)
}

/** Those whose attested session the caller accepts. @see aci/1, "serving constraints" */
function accepted(
  { constraints: { verified, sessions } }: Ask,
  runners: readonly LiveRunner[],
): readonly LiveRunner[] {
  if (sessions !== undefined) {
    const listed = runners.filter(({ lease }) => sessions.has(lease.session))
    if (listed.length > 0) return listed
    throw new ApiError('session_not_accepted', 'No listed session can serve this model', {
      param: 'provider.aci_session_ids',
    })
  }
  if (!verified) return runners
  const genuine = runners.filter(({ standing }) => standing.status === 'verified')
  if (genuine.length > 0 || runners.length === 0) return genuine
  throw new ApiError(
    'upstream_verification_failed',
    'Every runner of this model shows simulated evidence',
  )
}

const FAILURES = {
  none: ['no_runner', 'No attested runner serves this model at the moment'],
  price: ['price_ceiling', 'Every runner of this model is above your price ceiling'],
  busy: ['overloaded', 'Every runner of this model is busy'],
} as const satisfies Record<PickFailure, readonly [ApiErrorCode, string]>
