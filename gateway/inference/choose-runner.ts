import { utf8 } from '#base/bytes.ts'
import type { AccountId } from '../db/ids.ts'
import { ApiError, type ApiErrorCode } from '../errors.ts'
import type { LiveRunner } from '../runners/live-runner.ts'
import { takePlace } from '../runners/load.ts'
import type { InferenceDeps } from './deps.ts'
import type { Journey } from './journey.ts'
import { type Candidate, type Picked, type PickFailure, pick } from './pick.ts'
import type { Ask } from './read-ask.ts'
import type { InferenceRequest } from './request.ts'
import { requireFunds } from './reserve.ts'
import { servesEndpoint } from './serves-endpoint.ts'

const UINT32 = 2 ** 32

/** A runner with one of its places taken. */
export interface Place extends Candidate {
  /** Once, when the request has ended there. */
  readonly giveBack: () => void
}

type Chosen = { readonly ok: true; readonly place: Place } | Failed
interface Failed {
  readonly ok: false
  /**
   * `unknown`: not on sale. `unserved`: not at this endpoint. `unfit`: nobody honours all parameters. `unaccepted`: no
   * session that the caller accepts.
   */
  readonly reason: PickFailure | 'unknown' | 'unserved' | 'unfit' | 'unaccepted'
}

/**
 * A place at a runner for this request, as soon as there is one.
 * @throws ApiError `model_not_found`, `unsupported_endpoint`, `unsupported_parameter`, `session_not_accepted`, `upstream_verification_failed`, `no_runner`,
 * `price_ceiling`, `insufficient_credits`, or what the waiting room says
 */
export async function findPlace(
  deps: InferenceDeps,
  request: InferenceRequest,
  ask: Ask,
): Promise<Place> {
  const { account } = request.identity
  const chosen = takeNow(deps, ask, account, NOBODY)
  if (chosen.ok) return chosen.place
  if (chosen.reason !== 'busy') throw failure(chosen, ask)
  await requireFunds(deps, account)
  const guest = { models: ask.models, account, client: request.client, bytes: request.body.length }
  const take = (): Place | undefined => {
    const later = takeNow(deps, ask, account, NOBODY)
    return later.ok ? later.place : undefined
  }
  // One may have become free meanwhile, and nobody is told of it twice.
  return take() ?? queued(deps, request.journey, deps.waiting.wait(guest, take))
}

/** Notes how long a request waited, served or not. */
export async function queued<T>(
  { timer, metrics }: Pick<InferenceDeps, 'timer' | 'metrics'>,
  journey: Journey,
  place: Promise<T>,
): Promise<T> {
  const began = timer()
  try {
    return await place
  } finally {
    journey.queuedMs = timer() - began
    metrics.queued(journey.queuedMs / 1000)
  }
}

/** A place at a runner not tried yet, if there is one now: for another attempt. */
export function anotherPlace(
  deps: InferenceDeps,
  ask: Ask,
  account: AccountId,
  tried: ReadonlySet<string>,
): Place | undefined {
  const chosen = takeNow(deps, ask, account, tried)
  return chosen.ok ? chosen.place : undefined
}

export const NOBODY: ReadonlySet<string> = new Set()

/** The models in the caller's order; the first that any runner has room for. */
function takeNow(
  deps: InferenceDeps,
  ask: Ask,
  account: AccountId,
  tried: ReadonlySet<string>,
): Chosen {
  let failed: Failed | undefined
  for (const model of ask.models) {
    const picked = pickFor(deps, model, { ask, account, tried })
    if (picked.ok) return { ok: true, place: occupy(deps, picked.candidate) }
    // To wait for a busy one is better than to give up for what is wrong with another.
    if (failed === undefined || picked.reason === 'busy') failed = picked
  }
  return failed ?? { ok: false, reason: 'none' }
}

/** Taken in the same turn in which it was found free: no two requests take one place. */
function occupy(deps: InferenceDeps, candidate: Candidate): Place {
  const { load, model } = candidate.runner
  const leave = takePlace(load, deps.clock())
  const giveBack = (): void => {
    leave()
    deps.waiting.wake(model)
  }
  return { ...candidate, giveBack }
}

function pickFor(
  deps: InferenceDeps,
  model: string,
  {
    ask,
    account,
    tried,
  }: { readonly ask: Ask; readonly account: AccountId; readonly tried: ReadonlySet<string> },
): Picked | Failed {
  const offer = deps.catalog.find(model)
  if (offer === undefined) return { ok: false, reason: 'unknown' }
  const now = deps.clock()
  const eligible = deps.directory.eligible(model, now)
  const serving = eligible.filter((runner) => servesEndpoint(runner, ask.path))
  if (serving.length === 0 && eligible.length > 0) return { ok: false, reason: 'unserved' }
  const fit = ask.demands.size === 0 ? serving : serving.filter((runner) => isFit(ask, runner))
  if (fit.length === 0 && serving.length > 0) return { ok: false, reason: 'unfit' }
  const accepted = fit.filter((runner) => isAccepted(ask, runner))
  if (accepted.length === 0 && fit.length > 0) return { ok: false, reason: 'unaccepted' }
  const candidates = accepted.map((runner) => ({ runner, terms: deps.quoteTerms(runner, offer) }))
  const affinity =
    ask.cacheKey === undefined
      ? undefined
      : // The account is part of the name: one caller's key says nothing about another's cache (H10).
        deps.affinity.mac(utf8(`${account}\0${ask.cacheKey}`))
  const { preferences } = ask
  const input = { candidates, preferences, affinity, tried, now }
  return pick(input, deps.provider.hashes, () => {
    const bytes = deps.random(4)
    return new DataView(bytes.buffer, bytes.byteOffset).getUint32(0) / UINT32
  })
}

function failure({ reason }: Failed, { constraints }: Ask): ApiError {
  if (reason === 'unaccepted') {
    return constraints.sessions === undefined
      ? new ApiError(
          'upstream_verification_failed',
          'Every runner of this model shows simulated evidence',
        )
      : new ApiError('session_not_accepted', 'No listed session can serve this model', {
          param: 'provider.aci_session_ids',
        })
  }
  const [code, message, param] = FAILURES[reason]
  return new ApiError(code, message, param === undefined ? {} : { param })
}

/** Whether it says that it honours all that the caller insists on; one that says nothing honours nothing. */
function isFit({ demands }: Ask, { lease }: LiveRunner): boolean {
  const honoured: ReadonlySet<string> = new Set(lease.capabilities?.supported_parameters)
  return [...demands].every((name) => honoured.has(name))
}

/** Whether the caller accepts its attested session. @see aci/1, "serving constraints" */
function isAccepted({ constraints }: Ask, { lease, standing }: LiveRunner): boolean {
  const { verified, sessions } = constraints
  if (sessions !== undefined) return sessions.has(lease.session)
  return !verified || standing.status === 'verified'
}

const FAILURES = {
  unknown: [
    'model_not_found',
    'The model does not exist or is not offered here: GET /v1/models lists what is',
    'model',
  ],
  unserved: ['unsupported_endpoint', 'No runner serves this model at this endpoint', 'model'],
  unfit: [
    'unsupported_parameter',
    'No runner of this model says that it honours every parameter of this request: GET /v1/models lists them as supported_parameters',
    'provider.require_parameters',
  ],
  none: ['no_runner', 'No attested runner serves this model at the moment', undefined],
  unlisted: [
    'no_runner',
    'None of the runners of this model at the moment is one that only, order and ignore allow: ids and wallets stand in GET /v1/runners',
    'provider',
  ],
  unproven: [
    'no_runner',
    'Only simulated machines serve this model: they prove nothing about what they keep',
    'provider',
  ],
  price: ['price_ceiling', 'Every runner of this model is above your price ceiling', undefined],
  busy: ['overloaded', 'Every runner of this model is busy', undefined],
} as const satisfies Record<
  PickFailure | 'unknown' | 'unserved' | 'unfit',
  readonly [ApiErrorCode, string, string | undefined]
>
