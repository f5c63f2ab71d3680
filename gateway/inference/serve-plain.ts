import { fromUtf8 } from '#base/bytes.ts'
import type { AccountId } from '../db/ids.ts'
import { ApiError } from '../errors.ts'
import { isBusy, type PlainOutcome } from '../relay/plain-outcome.ts'
import { allowedAsk } from './allowed.ts'
import { anotherPlace, findPlace, NOBODY, type Place } from './choose-runner.ts'
import { concludePlain } from './conclude-plain.ts'
import type { InferenceDeps } from './deps.ts'
import { type Ask, readAsk } from './read-ask.ts'
import { readRecordingAsk } from './read-recording-ask.ts'
import { release } from './release.ts'
import type { InferenceRequest } from './request.ts'
import { reserve } from './reserve.ts'
import { type PlainTry, type SentTry, sendPlain } from './send-plain.ts'
import { boundOf, holdOf } from './terms.ts'

/** Runners that one request may try before its first byte. */
const MAX_ATTEMPTS = 3
/** Sealed failures that another runner may not have. */
const RETRIED_STATUSES: ReadonlySet<number> = new Set([500, 502, 503])

/**
 * Serves a plain client: the gateway sees the text in memory, the runner's host never does.
 * 1. read what the body asks  2. pick a runner and reserve the most that it may cost  3. seal, send, pass the
 * answer on  4. before the first byte, try another runner  5. conclude: settle by the receipt, or give back
 * @returns the outcome's name, for metrics
 * @throws ApiError while nothing has been sent to the client
 */
export async function servePlain(deps: InferenceDeps, request: InferenceRequest): Promise<string> {
  refusePlaintext(deps, request)
  const asked = readRequest(request)
  const ask = allowedAsk(request.identity, asked)
  return concludePlain(deps, request, await sendToSomebody(deps, request, ask))
}

/** @returns the last attempt: the one that was answered, or the failure that nobody else could mend */
async function sendToSomebody(
  deps: InferenceDeps,
  request: InferenceRequest,
  ask: Ask,
): Promise<SentTry> {
  const tried = new Set<string>()
  let sent: SentTry | undefined
  for (let number = 1; number <= MAX_ATTEMPTS; number++) {
    const next = await beginOrGiveBack(deps, request, ask, { tried, number, sent })
    if (next === undefined) break
    sent = await sendOrGiveBack(deps, request, next)
    const { outcome, runner } = sent
    if (outcome.kind === 'refused' && outcome.code === 'session_gone') {
      deps.sessions.drop(runner.lease)
    } else {
      tried.add(runner.id)
    }
    if (!mayRetry(outcome)) break
    if (!isBusy(outcome)) deps.directory.suspect(runner)
  }
  if (sent === undefined) throw new ApiError('no_runner', 'No runner serves this model')
  return sent
}

function refusePlaintext(deps: InferenceDeps, { identity }: InferenceRequest): void {
  if (identity.sealedOnly) {
    throw new ApiError('sealed_only', 'This key is for sealed requests only: use cocoon connect')
  }
  if (!deps.takesPlaintext()) {
    throw new ApiError('plaintext_refused', 'This gateway takes sealed requests only')
  }
}

function readRequest({ path, body }: InferenceRequest): Ask {
  if (path === '/v1/audio/transcriptions') return readRecordingAsk(path, body)
  return readAsk(path, textOf(body), body.length)
}

function textOf(body: Uint8Array): string {
  try {
    return fromUtf8(body)
  } catch {
    throw new ApiError(
      'invalid_json',
      'the request body is not UTF-8: send plain JSON, not compressed',
    )
  }
}

interface Attempts {
  readonly tried: ReadonlySet<string>
  readonly number: number
  /** The attempt before this one, which has failed. */
  readonly sent: SentTry | undefined
}

/** The hold of the attempt before does not outlive a refusal of this one. */
async function beginOrGiveBack(
  deps: InferenceDeps,
  request: InferenceRequest,
  ask: Ask,
  state: Attempts,
): Promise<PlainTry | undefined> {
  try {
    for (const model of ask.models) await deps.directory.prepare({ model })
    return await begin(deps, request, ask, state)
  } catch (error) {
    const { account } = request.identity
    const { sent } = state
    const at = deps.clock()
    if (sent !== undefined) {
      await release(deps, { account, request: request.id, attempt: sent.number, at })
    }
    throw error
  }
}

/** @returns undefined when an earlier attempt failed and no other runner is left */
async function begin(
  deps: InferenceDeps,
  request: InferenceRequest,
  ask: Ask,
  state: Attempts,
): Promise<PlainTry | undefined> {
  const { account, key } = request.identity
  const { sent, number } = state
  const place =
    sent === undefined
      ? await findPlace(deps, request, ask)
      : nextPlace(deps, ask, account, { ...state, sent })
  if (place === undefined) return undefined
  try {
    const { runner, terms } = place
    const { contextLength, maxOutputTokens } = runner.lease
    const bound = boundOf({ ...ask, contextLength, maxOutputTokens }, terms.price)
    request.admission.takeTokens(request.id, bound.promptTokens + bound.completionTokens)
    const hold = { account, key, request: request.id, attempt: number, terms }
    const available = await reserve(
      deps,
      { ...hold, amount: holdOf(request.path, bound), at: deps.clock() },
      sent?.number,
    )
    return { ...place, number, bound, available }
  } catch (error) {
    place.giveBack()
    throw error
  }
}

/**
 * A runner not tried yet, or once more the only one: what broke may have been an idle connection that it closed.
 * @returns undefined when nobody is left: the failure of the attempt before is the answer
 */
function nextPlace(
  deps: InferenceDeps,
  ask: Ask,
  account: AccountId,
  { tried, sent, number }: { tried: ReadonlySet<string>; sent: SentTry; number: number },
): Place | undefined {
  const wasCut = sent.outcome.kind === 'failed' && sent.outcome.how === 'broken'
  const other = anotherPlace(deps, ask, account, tried)
  return other ?? (wasCut && number === 2 ? anotherPlace(deps, ask, account, NOBODY) : undefined)
}

/** Neither a hold nor a place outlives an error of our own. */
async function sendOrGiveBack(
  deps: InferenceDeps,
  request: InferenceRequest,
  next: PlainTry,
): Promise<SentTry> {
  try {
    return await sendPlain(deps, request, next)
  } catch (error) {
    const { account } = request.identity
    const at = deps.clock()
    await release(deps, { account, request: request.id, attempt: next.number, at })
    throw error
  } finally {
    next.giveBack()
  }
}

function mayRetry(outcome: PlainOutcome): boolean {
  if (outcome.kind === 'failed_sealed') return RETRIED_STATUSES.has(outcome.status)
  return outcome.kind === 'refused' || outcome.kind === 'failed'
}
