import { utf8 } from '#base/bytes.ts'
import type { AccountId } from '../db/ids.ts'
import { ApiError, type ApiErrorCode } from '../errors.ts'
import type { InferenceDeps } from './deps.ts'
import { type Candidate, type PickFailure, pick } from './pick.ts'

import type { Ask } from './read-ask.ts'

const UINT32 = 2 ** 32

/**
 * A runner for this request, among those not tried yet.
 * @throws ApiError `model_not_found`, `no_runner`, `price_ceiling`, `overloaded`
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
  const candidates = deps.directory
    .eligible(ask.model, now)
    .map((runner) => ({ runner, terms: deps.quoteTerms(runner, offer) }))
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

const FAILURES = {
  none: ['no_runner', 'No attested runner serves this model at the moment'],
  price: ['price_ceiling', 'Every runner of this model is above your price ceiling'],
  busy: ['overloaded', 'Every runner of this model is busy'],
} as const satisfies Record<PickFailure, readonly [ApiErrorCode, string]>
