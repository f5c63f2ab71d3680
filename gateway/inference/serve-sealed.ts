import { toSeconds } from '#base/brand.ts'
import type { Nano } from '#base/nano.ts'
import {
  type Envelope,
  HEADER,
  type HeaderReader,
  ProtocolError,
  readEnvelope,
  receiptId,
} from '#protocol'
import { ApiError, type ApiErrorCode } from '../errors.ts'
import type { Terms } from '../ledger/port.ts'
import {
  runSealedAttempt,
  type SealedFailure,
  type SealedOutcome,
} from '../relay/sealed-attempt.ts'
import { isTrusted } from '../runners/directory.ts'
import type { LiveRunner } from '../runners/live-runner.ts'
import { hasPlace, takePlace } from '../runners/load.ts'
import { assertModel, assertPrice } from './allowed.ts'
import { answerBytes } from './answer-bytes.ts'
import { boundSealed } from './bound-sealed.ts'
import { queued } from './choose-runner.ts'
import type { InferenceDeps } from './deps.ts'
import { newLeg, overheadMs, timingHeaders } from './journey.ts'
import { makeAllowance } from './make-allowance.ts'
import { noteSealed } from './note-sealed.ts'
import { release } from './release.ts'
import type { InferenceRequest } from './request.ts'
import { requireFunds, reserve } from './reserve.ts'
import { servesEndpoint } from './serves-endpoint.ts'
import { type Bound, holdOf } from './terms.ts'

/** A body that was sealed to one runner before it came here. */
export interface SealedRequest extends InferenceRequest {
  /** The runner of the address that it came to. */
  readonly runner: LiveRunner
  readonly header: HeaderReader
}

/** `end-to-end` may be said only of clients that verified the keyset: ours, by cocoon/1 (H9). */
const CONFIDENTIALITY = { cocoon: 'end-to-end', ehbp: 'sealed' } as const
const ATTEMPT = 1

/**
 * Relays a sealed body untouched: the gateway sees sizes, timing and the receipt's numbers.
 * 1. read the envelope  2. is it for this runner as it is now  3. wait for a place there  4. reserve, send with an
 * allowance, pass the answer on  5. give back what no receipt will come for
 * @returns the outcome's name
 * @throws ApiError or ProtocolError while nothing has been sent to the client
 */
export async function serveSealed(deps: InferenceDeps, request: SealedRequest): Promise<string> {
  const envelope = openEnvelope(deps, request)
  checkRunner(deps, request, envelope)
  const giveBack = await findPlaceAt(deps, request)
  try {
    const now = { ...request, runner: asItIsNow(deps, request.runner) }
    if (now.runner !== request.runner) checkRunner(deps, now, envelope)
    return await serveThere(deps, now, envelope)
  } finally {
    giveBack()
  }
}

/** While the request waited it may have been denied, cut or attested anew (M8). @throws ApiError */
function asItIsNow({ directory }: InferenceDeps, { id }: LiveRunner): LiveRunner {
  const runner = directory.find(id)
  if (runner !== undefined) return runner
  throw new ApiError('no_runner', 'This runner takes no requests at the moment')
}

/** A place at the one runner that can open this body, as soon as there is one. */
async function findPlaceAt(deps: InferenceDeps, request: SealedRequest): Promise<() => void> {
  const { load, model } = request.runner
  const take = (): (() => void) | undefined => {
    if (!hasPlace(request.runner, deps.clock())) return undefined
    const leave = takePlace(load, deps.clock())
    return () => {
      leave()
      deps.waiting.wake(model)
    }
  }
  const place = take()
  if (place !== undefined) return place
  const { client, identity, body } = request
  await requireFunds(deps, identity.account)
  const guest = { models: [model], account: identity.account, client, bytes: body.length } as const
  // One may have become free meanwhile, and nobody is told of it twice.
  return take() ?? queued(deps, request.journey, deps.waiting.wait(guest, take))
}

async function serveThere(
  deps: InferenceDeps,
  request: SealedRequest,
  envelope: ClientEnvelope,
): Promise<string> {
  const most = envelope.kind === 'cocoon' ? envelope.head.head.maxCost : undefined
  const { terms, bound } = boundSealed(deps, request, most)
  const { account, key } = request.identity
  assertModel(request.identity, request.runner.model)
  assertPrice(request.identity, terms.price)
  request.admission.takeTokens(request.id, bound.promptTokens + bound.completionTokens)
  const hold = { account, key, request: request.id, attempt: ATTEMPT, terms, at: deps.clock() }
  const available = await reserve(deps, { ...hold, amount: holdOf(request.path, bound) }, undefined)
  let outcome: SealedOutcome
  try {
    const { journey, runner } = request
    journey.model = runner.model
    const leg = newLeg(journey, { runner: runner.id, number: ATTEMPT, sent: deps.timer() })
    deps.metrics.overhead(overheadMs(journey, leg.sent) / 1000)
    deps.proofs.open(receiptId(request.id, ATTEMPT))
    outcome = await send(deps, request, { envelope, terms, bound, available })
    leg.ended = deps.timer()
    leg.outcome = outcome.kind
  } catch (error) {
    await release(deps, hold)
    throw error
  }
  noteSealed(deps, request.runner, outcome)
  if (outcome.kind === 'failed') {
    await release(deps, hold)
    const [code, message] = FAILURES[outcome.how]
    throw new ApiError(code, message)
  }
  // An answer outside the seal means that the runner opened nothing and will sign no receipt.
  const unopened = outcome.kind === 'answered' && !outcome.sealed
  const isUnproven = outcome.kind === 'lost' && outcome.how === 'endless'
  if (unopened || isUnproven || (outcome.kind === 'gone' && !outcome.sent)) {
    // The client knows already how it ended.
    await release(deps, hold).catch(() => {})
  } else {
    // Its receipt comes by the outbox: it cannot claim more tokens than there were bytes.
    const seen = 'bytes' in outcome ? outcome.bytes : bound.completionTokens
    const { promptTokens } = bound
    const completionTokens = Math.min(bound.completionTokens, seen)
    const receipt = receiptId(request.id, ATTEMPT)
    deps.proofs.note(receipt, { promptTokens, completionTokens })
    deps.proofs.close(receipt)
  }
  return outcome.kind
}

type ClientEnvelope = Exclude<Envelope, { kind: 'session' }>

function openEnvelope(deps: InferenceDeps, { header }: SealedRequest): ClientEnvelope {
  if (header(HEADER.encapsulatedKey) === undefined) {
    throw new ApiError('seal_required', 'Bodies at this address are sealed to the runner (EHBP)')
  }
  const envelope = readEnvelope(header, deps.provider)
  if (envelope.kind === 'session') {
    throw new ApiError('seal_invalid', 'Session envelopes are the gateway’s own')
  }
  return envelope
}

function checkRunner(deps: InferenceDeps, request: SealedRequest, envelope: ClientEnvelope): void {
  const { runner, header } = request
  if (!isTrusted(runner, toSeconds(deps.clock())) || runner.state !== 'admitted') {
    throw new ApiError('no_runner', 'This runner takes no requests at the moment')
  }
  const model = header('x-cocoon-model')
  if (typeof model === 'string' && model !== runner.model) {
    throw new ApiError('model_not_found', 'This runner does not serve that model', {
      param: 'x-cocoon-model',
    })
  }
  if (!servesEndpoint(runner, request.path)) {
    throw new ApiError('unsupported_endpoint', 'This runner does not serve this endpoint')
  }
  if (envelope.kind !== 'cocoon') return
  const { head } = envelope.head
  if (head.path !== request.path || head.model !== runner.model) {
    throw new ProtocolError('head_mismatch', 'sealed head is for another path or model')
  }
  // The runner has been attested anew since: the client must verify that, then seal again.
  if (head.session !== runner.lease.session) {
    throw new ProtocolError('key_stale', 'sealed head is for an earlier session of this runner')
  }
}

function send(
  deps: InferenceDeps,
  request: SealedRequest,
  {
    envelope,
    terms,
    bound,
    available,
  }: { envelope: ClientEnvelope; terms: Terms; bound: Bound; available: Nano },
): Promise<SealedOutcome> {
  const { runner, client, id, body } = request
  const { lease } = runner
  request.witness?.sends({ number: ATTEMPT, runner, body })
  const allowance = makeAllowance(deps, {
    account: request.identity.account,
    request: id,
    number: ATTEMPT,
    lease,
    terms,
    bound,
    binding: envelope.binding,
  })
  return runSealedAttempt(deps, {
    client,
    maxBytes: answerBytes(request.path, bound),
    timing: () => timingHeaders(request.journey, deps.timer()),
    onHead: () => deps.proofs.close(receiptId(id, ATTEMPT)),
    headers: {
      ...request.headers,
      ...request.admission.headers(),
      'x-cocoon-balance': available.toString(),
      'x-receipt-id': receiptId(id, ATTEMPT),
      'x-cocoon-confidentiality': CONFIDENTIALITY[envelope.kind],
      'x-cocoon-attestation': runner.standing.status,
      'x-cocoon-runner': runner.id,
      'x-cocoon-session-id': lease.session,
    },
    request: {
      target: lease.target,
      method: 'POST',
      path: request.path,
      headers: { ...sealHeaders(request.header), [HEADER.allowance]: allowance },
      body,
    },
  })
}

const FORWARDED = [HEADER.encapsulatedKey, HEADER.version, HEADER.head] as const

/** What the runner opens the body with; no other header of the client leaves the gateway. */
function sealHeaders(header: HeaderReader): Readonly<Record<string, string>> {
  const headers: Record<string, string> = { 'content-type': 'application/octet-stream' }
  for (const name of FORWARDED) {
    const value = header(name)
    if (typeof value === 'string') headers[name] = value
  }
  return headers
}

const UNREACHABLE = [
  'runner_unreachable',
  'The runner could not be reached; nothing was charged',
] as const
const FAILURES = {
  refused: UNREACHABLE,
  full: ['overloaded', 'This runner is busy'],
  broken: UNREACHABLE,
  unsafe: UNREACHABLE,
  timeout: ['runner_timeout', 'The runner did not answer in time'],
  endless: ['runner_misbehaved', 'The runner’s answer did not end'],
  misbehaved: ['runner_misbehaved', 'The runner’s answer was not one to pass on'],
} as const satisfies Record<SealedFailure, readonly [ApiErrorCode, string]>
