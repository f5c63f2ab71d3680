import { toSeconds } from '#base/brand.ts'
import type { Nano } from '#base/nano.ts'
import {
  ACI_HEADER,
  type BodyDigests,
  HEADER,
  receiptId,
  requestDigests,
  type SessionRequest,
  Transcript,
} from '#protocol'
import { runPlainAttempt } from '../relay/plain-attempt.ts'
import { isBusy, type PlainOutcome } from '../relay/plain-outcome.ts'
import type { LiveRunner } from '../runners/live-runner.ts'
import { noteAnswer, noteBusy } from '../runners/load.ts'
import { noteFailure, noteFirstByte } from '../runners/score.ts'
import { countFault, FAULT_OF } from '../runners/tally.ts'
import { answerBytes } from './answer-bytes.ts'
import type { Place } from './choose-runner.ts'
import type { InferenceDeps } from './deps.ts'
import { newLeg, overheadMs, timingHeaders } from './journey.ts'
import { lostEvent } from './lost-event.ts'
import { ALLOWANCE_SECONDS, makeAllowance } from './make-allowance.ts'
import type { InferenceRequest } from './request.ts'
import type { Bound } from './terms.ts'

/** One attempt at one runner, reserved. */
export interface PlainTry extends Place {
  readonly number: number
  readonly bound: Bound
  /** What the account has left beside this request's hold. */
  readonly available: Nano
}

/** The attempt after it ended. */
export interface SentTry extends PlainTry {
  readonly outcome: PlainOutcome
  /** Headers of whatever the client is still to get. */
  readonly headers: Readonly<Record<string, string>>
  /** What went to the runner. */
  readonly digests: BodyDigests
  /** What came from it. */
  readonly transcript: Transcript
  /** From the first byte to the last. */
  readonly answerMs: number
}

/**
 * Seals the body to the runner's attested key, sends it with its allowance, and passes the answer on.
 * The runner sees its own model id, whatever the caller called it.
 */
export async function sendPlain(
  deps: InferenceDeps,
  request: InferenceRequest,
  attempt: PlainTry,
): Promise<SentTry> {
  const { runner } = attempt
  const { load } = runner
  const sealed = await seal(deps, request, attempt)
  const { provider } = deps
  const wire = sealed.sealBody(request.body)
  const headers = clientHeaders(deps, request, attempt, sealed)
  const transcript = new Transcript(provider.hashes, sealed.commitmentKey)
  const { journey } = request
  journey.model = runner.model
  const leg = newLeg(journey, { runner: runner.id, number: attempt.number, sent: deps.timer() })
  const receipt = receiptId(request.id, attempt.number)
  deps.proofs.open(receipt)
  if (attempt.number === 1) deps.metrics.overhead(overheadMs(journey, leg.sent) / 1000)
  request.witness?.sends({ number: attempt.number, runner, body: wire })
  const outcome = await runPlainAttempt(deps, {
    client: request.client,
    transcript,
    headers,
    lostEvent: (how) => lostEvent(request.path, how),
    maxBytes: answerBytes(request.path, attempt.bound),
    timing: () => timingHeaders(journey, deps.timer()),
    onHead: () => deps.proofs.close(receipt),
    opener: (nonce) => sealed.opener(nonce, transcript),
    onFirstByte: () => {
      leg.firstByte = deps.timer()
      const ms = leg.firstByte - leg.sent
      load.score = noteFirstByte(load.score, ms, deps.clock())
      deps.metrics.firstByte(ms / 1000)
    },
    request: {
      target: runner.lease.target,
      method: 'POST',
      path: request.path,
      headers: { ...sealed.headers, ...runnerHeaders(deps, request, attempt, sealed) },
      body: wire,
    },
  })
  leg.ended = deps.timer()
  leg.outcome = outcome.kind
  noteOutcome(deps, runner, outcome)
  const { commitmentKey } = sealed
  const digests = requestDigests(provider.hashes, { wire, plaintext: request.body, commitmentKey })
  const answerMs = leg.ended - (leg.firstByte ?? leg.sent)
  return { ...attempt, outcome, headers, digests, transcript, answerMs }
}

async function seal(
  deps: InferenceDeps,
  request: InferenceRequest,
  { runner, number, bound }: PlainTry,
): Promise<SessionRequest<'sync'>> {
  const { lease } = runner
  const known = deps.sessions.current(lease)
  const session = known instanceof Promise ? await known : known
  const now = toSeconds(deps.clock())
  return session.next({
    attempt: number,
    now,
    head: {
      path: request.path,
      model: runner.model,
      session: lease.session,
      maxCost: bound.cost,
      notAfter: now + ALLOWANCE_SECONDS,
    },
  })
}

function runnerHeaders(
  deps: InferenceDeps,
  request: InferenceRequest,
  { number, runner, terms, bound }: PlainTry,
  { binding }: SessionRequest<'sync'>,
): Readonly<Record<string, string>> {
  const allowance = makeAllowance(deps, {
    account: request.identity.account,
    request: request.id,
    number,
    lease: runner.lease,
    terms,
    bound,
    binding,
  })
  return { 'content-type': 'application/octet-stream', [HEADER.allowance]: allowance }
}

function clientHeaders(
  deps: InferenceDeps,
  request: InferenceRequest,
  { number, runner, available }: PlainTry,
  { commitmentKey }: SessionRequest<'sync'>,
): Readonly<Record<string, string>> {
  return {
    ...request.headers,
    ...request.admission.headers(),
    'x-cocoon-balance': available.toString(),
    'x-receipt-id': receiptId(request.id, number),
    [ACI_HEADER.keysetDigest]: runner.lease.keysetDigest,
    'x-cocoon-confidentiality': 'gateway',
    'x-cocoon-attestation': runner.standing.status,
    'x-cocoon-model': runner.model,
    'x-cocoon-runner': runner.id,
    'x-cocoon-session-id': runner.lease.session,
    [HEADER.commitmentKey]: deps.provider.texts.hex(commitmentKey),
  }
}

function noteOutcome(deps: InferenceDeps, { id, load }: LiveRunner, outcome: PlainOutcome): void {
  const now = deps.clock()
  if (outcome.kind === 'gone') return
  if (outcome.kind === 'answered') {
    noteAnswer(load, now)
    return
  }
  if (isBusy(outcome) && noteBusy(load, now)) {
    deps.log('info', 'runner is busy', { runner: id })
    return
  }
  const how = 'how' in outcome ? outcome.how : undefined
  const fault =
    how === 'refused' ? 'absent' : how === 'unauthentic' || how === 'endless' ? 'lied' : 'failed'
  load.score = noteFailure(load.score, fault, now)
  countFault(load.tally, 'how' in outcome ? FAULT_OF[outcome.how] : KINDS[outcome.kind])
  deps.metrics.runnerFailed(how ?? outcome.kind)
  const code = how ?? (('code' in outcome && outcome.code) || outcome.kind)
  deps.log('warn', 'runner failed a request', { runner: id, code })
}

const KINDS = { failed_sealed: 'engine_error', refused: 'request_refused' } as const
