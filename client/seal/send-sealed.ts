import { type Clock, toSeconds } from '#base/brand.ts'
import type { Bytes } from '#base/bytes.ts'
import { utf8 } from '#base/bytes.ts'
import { ceilDiv, type Nano, nano } from '#base/nano.ts'
import {
  type CryptoMode,
  HEADER,
  type MacKey,
  type Provider,
  requestDigests,
  type SealedRequest,
  sealRequest,
  Transcript,
} from '#protocol'
import { ClientError } from '../errors.ts'
import type { HttpDeps } from '../http.ts'
import type { Pool } from '../verify/pool.ts'
import type { VerifiedRunner } from '../verify/verify-runner.ts'
import { checkReceipt, type VerifiedReceipt } from './check-receipt.ts'
import { isAbort, openAnswer } from './open-answer.ts'
import type { Ask } from './read-ask.ts'
import { readUnsealedAnswer } from './unsealed-answer.ts'

export interface SendDeps extends HttpDeps {
  readonly origin: string
  readonly clock: Clock
  readonly provider: Provider
  readonly pool: Pool
  /** Ranks hosts for requests that share a cache. */
  readonly cacheSecret: MacKey
  /** Most nanoTON of one request. */
  readonly maxCost: Nano
  readonly onReceipt: (receipt: VerifiedReceipt) => void
  /** Pays what is due by a cheque. */
  readonly payDue: (authorization: string) => Promise<Payment>
}

/** What became of a demand for a cheque: `nothing-owed` means that all of it is signed already. */
export type Payment = 'paid' | 'nothing-owed' | 'no-cheques'

/** An answer whose first frame has opened. */
export interface SealedAnswer {
  readonly status: number
  readonly contentType: string
  readonly headers: Readonly<Record<string, string>>
  readonly runner: VerifiedRunner
  readonly body: AsyncGenerator<Bytes, void, undefined>
  /** Settles when the answer has ended: the receipt, or why there is none to rely on. */
  readonly receipt: Promise<VerifiedReceipt>
}

/** A prompt is sealed to at most so many runners (H12). */
const MAX_RUNNERS = 2
/** How long the runner may take to begin, from sealing. */
const HEAD_LIFE_SECONDS = 300
const PER_MILLION = 1_000_000n

/**
 * Sends one body sealed to a verified runner and opens its answer:
 * 1. choose a runner  2. seal to it  3. send  4. outside the seal: the one key refresh, another runner, or a named
 * refusal  5. inside: open up to the first frame, so that a runner lost before it can still be replaced
 * @throws ClientError, or the caller's own abort
 */
export async function sendSealed(
  deps: SendDeps,
  ask: Ask,
  call: { readonly authorization: string | undefined; readonly signal: AbortSignal | null },
): Promise<SealedAnswer> {
  const tried = new Set<string>()
  let refreshed = false
  let paid = false
  let runner = await choose(deps, ask, tried)
  for (;;) {
    tried.add(runner.id)
    const sealed = await seal(deps, ask, runner)
    const outcome = await exchange(deps, { ask, runner, sealed, ...call })
    if (outcome.kind === 'answer') return outcome.answer
    if (outcome.kind === 'refused') {
      throw new ClientError(outcome.code, `The request was refused (${outcome.detail})`)
    }
    if (outcome.kind === 'keys-changed') {
      if (refreshed) throw new ClientError('keys_unstable', 'A second key refresh was asked for')
      refreshed = true
      runner = await renew(deps, ask, { runner, tried })
    } else if (outcome.kind === 'cheque-due') {
      const payment = paid ? 'nothing-owed' : await deps.payDue(call.authorization ?? '')
      if (payment !== 'paid') throw unpaid(payment)
      paid = true
    } else {
      deps.pool.drop(runner.id)
      if (tried.size >= MAX_RUNNERS) throw gone()
      runner = await choose(deps, ask, tried)
    }
  }
}

function unpaid(payment: Payment): ClientError {
  const code = payment === 'no-cheques' ? 'cheque_due' : 'usage_unsettled'
  return new ClientError(code, 'The gateway waits for a cheque')
}

function gone(): ClientError {
  return new ClientError('runner_gone', 'The runner was lost before its answer began')
}

async function choose(
  { pool, cacheSecret }: SendDeps,
  ask: Ask,
  exclude: ReadonlySet<string>,
): Promise<VerifiedRunner> {
  const { model, affinity } = ask
  const rank = (host: string): number =>
    new DataView(cacheSecret.mac(utf8(`${affinity}\0${host}`)).buffer).getUint32(0)
  try {
    return await pool.choose({ model, exclude, ...(affinity === undefined ? {} : { rank }) })
  } catch (error) {
    // The first runner is gone and there is no second: that is what the caller should hear.
    if (exclude.size > 0 && error instanceof ClientError) throw gone()
    throw error
  }
}

/** The same runner under new keys, or another one when it cannot show any. */
async function renew(
  deps: SendDeps,
  ask: Ask,
  { runner, tried }: { readonly runner: VerifiedRunner; readonly tried: ReadonlySet<string> },
): Promise<VerifiedRunner> {
  try {
    return await deps.pool.renew(runner)
  } catch (error) {
    if (!(error instanceof ClientError) || tried.size >= MAX_RUNNERS) throw error
    return choose(deps, ask, tried)
  }
}

interface Sealed {
  readonly request: SealedRequest<CryptoMode>
  readonly maxCost: Nano
}

async function seal(deps: SendDeps, ask: Ask, runner: VerifiedRunner): Promise<Sealed> {
  const maxCost = highestCost(ask, runner, deps.maxCost)
  const request = await sealRequest(deps.provider, {
    suite: runner.suite,
    publicKey: runner.sealingKey,
    body: ask.body,
    head: {
      path: ask.path,
      model: runner.subject.model,
      session: runner.sessionId,
      maxCost,
      notAfter: toSeconds(deps.clock()) + HEAD_LIFE_SECONDS,
    },
  })
  return { request, maxCost }
}

/** What the offered price makes of this request at most, and never above the caller's own ceiling. */
function highestCost(ask: Ask, { candidate }: VerifiedRunner, ceiling: Nano): Nano {
  const { price, maxOutputTokens } = candidate
  const output = ask.maxTokens ?? maxOutputTokens
  if (price === undefined || output === undefined) return ceiling
  // Padding and framing at most double a body: the gateway bounds prompt tokens by wire bytes.
  const prompt = 2 * ask.promptBound
  const sum = BigInt(prompt) * price.input + BigInt(output) * price.output
  const bound = ceilDiv(sum, PER_MILLION)
  return bound < ceiling ? nano(bound) : ceiling
}

interface Exchange {
  readonly ask: Ask
  readonly runner: VerifiedRunner
  readonly sealed: Sealed
  readonly authorization: string | undefined
  readonly signal: AbortSignal | null
}

type Outcome =
  | { readonly kind: 'answer'; readonly answer: SealedAnswer }
  | Awaited<ReturnType<typeof readUnsealedAnswer>>

async function exchange(deps: SendDeps, given: Exchange): Promise<Outcome> {
  const sentAt = toSeconds(deps.clock())
  const response = await post(deps, given)
  const nonce = response.headers.get(HEADER.responseNonce)
  if (nonce === null) return readUnsealedAnswer(response)
  if (response.body === null) {
    throw new ClientError('answer_broken', 'The sealed answer has no body')
  }
  const { request } = given.sealed
  const transcript = new Transcript(deps.provider.hashes, request.commitmentKey)
  const { promise: receipt, resolve, reject } = Promise.withResolvers<VerifiedReceipt>()
  receipt.catch(() => undefined)
  const { chunks } = openAnswer(response.body, {
    opener: openerOf(request, nonce, transcript),
    transcript,
    check: async (document, answerBytes) => {
      const facts = receiptFacts(deps, given, { status: response.status, sentAt, transcript })
      const verified = await checkReceipt(deps.provider, document, { ...facts, answerBytes })
      resolve(verified)
      deps.onReceipt(verified)
    },
  })
  const body = reporting(chunks, reject)
  const first = await firstFrame(body)
  if (first === undefined) return { kind: 'gone' }
  const contentType = labelled(response, given.ask, first)
  const headers = passedHeaders(response)
  const { status } = response
  const answer = { status, contentType, headers, runner: given.runner, receipt }
  return { kind: 'answer', answer: { ...answer, body: startingWith(first, body) } }
}

async function post(deps: SendDeps, given: Exchange): Promise<Response> {
  const { ask, runner, sealed, authorization, signal } = given
  const headers: Record<string, string> = {
    ...sealed.request.headers,
    'content-type': 'application/octet-stream',
    accept: ask.stream ? 'text/event-stream' : 'application/json',
  }
  if (authorization !== undefined) headers['authorization'] = authorization
  const most = ask.maxTokens ?? 0
  // Rounded up: the exact limit is the caller's business.
  if (most > 0) headers['x-cocoon-max-tokens'] = String(2 ** Math.ceil(Math.log2(most)))
  try {
    return await deps.fetch(`${deps.origin}/runners/${runner.id}${ask.path}`, {
      method: 'POST',
      headers,
      body: sealed.request.body,
      redirect: 'manual',
      signal,
    })
  } catch (cause) {
    if (isAbort(cause) || signal?.aborted === true) throw cause
    throw new ClientError('gateway_unreachable', 'The gateway does not answer', { cause })
  }
}

function openerOf(request: Sealed['request'], nonce: string, transcript: Transcript) {
  try {
    return request.opener(nonce, transcript)
  } catch (cause) {
    throw new ClientError('answer_broken', 'The answer has no valid nonce', { cause })
  }
}

function receiptFacts(
  deps: SendDeps,
  { ask, runner, sealed }: Exchange,
  seen: {
    readonly status: number
    readonly sentAt: ReturnType<typeof toSeconds>
    readonly transcript: Transcript
  },
) {
  const { request, maxCost } = sealed
  const { commitmentKey } = request
  const { status, sentAt, transcript } = seen
  return {
    ...{ runner, ask, maxCost, status, sentAt },
    now: toSeconds(deps.clock()),
    request: requestDigests(deps.provider.hashes, {
      wire: request.body,
      plaintext: ask.body,
      commitmentKey,
    }),
    response: transcript.digests(),
  }
}

/** Tells the receipt's waiters when the answer fails or is abandoned. */
async function* reporting(
  chunks: AsyncGenerator<Bytes, void, undefined>,
  fail: (error: unknown) => void,
): AsyncGenerator<Bytes, void, undefined> {
  try {
    yield* chunks
  } catch (error) {
    fail(error)
    throw error
  } finally {
    fail(new ClientError('aborted', 'The answer was not read to its end'))
  }
}

/** Undefined when the connection broke before anything came: then nobody has seen an answer. */
async function firstFrame(
  chunks: AsyncGenerator<Bytes, void, undefined>,
): Promise<Bytes | undefined> {
  try {
    const { done, value } = await chunks.next()
    if (done !== true) return value
    throw new ClientError('answer_broken', 'The sealed answer is empty')
  } catch (error) {
    if (error instanceof ClientError && error.code === 'answer_cut') return undefined
    throw error
  }
}

const OPENING_BRACE = 0x7b

/** The type by the plaintext itself; the header, which anybody can write, must say the same. */
function labelled(response: Response, ask: Ask, first: Bytes): string {
  const type = first[0] === OPENING_BRACE ? 'application/json' : 'text/event-stream'
  const said = (response.headers.get('content-type') ?? '').split(';', 1)[0]?.trim().toLowerCase()
  const wanted = ask.stream && response.ok ? 'text/event-stream' : 'application/json'
  if (said !== type || type !== wanted) {
    throw new ClientError('answer_mislabelled', 'The type is not that of the sealed answer')
  }
  return type
}

const PASSED = { 'x-request-id': /^req_[0-9a-f]{32}$/, 'retry-after': /^[0-9]{1,4}$/ } as const

function passedHeaders(response: Response): Readonly<Record<string, string>> {
  const found = Object.entries(PASSED).flatMap(([name, pattern]) => {
    const value = response.headers.get(name)
    return value !== null && pattern.test(value) ? [[name, value] as const] : []
  })
  return Object.fromEntries(found)
}

async function* startingWith(
  first: Bytes,
  rest: AsyncGenerator<Bytes, void, undefined>,
): AsyncGenerator<Bytes, void, undefined> {
  try {
    yield first
    yield* rest
  } finally {
    await rest.return()
  }
}
