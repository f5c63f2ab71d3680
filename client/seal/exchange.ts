import { type Clock, toSeconds } from '#base/brand.ts'
import type { Bytes } from '#base/bytes.ts'
import type { Nano } from '#base/nano.ts'
import {
  type CryptoMode,
  HEADER,
  type Provider,
  requestDigests,
  type SealedRequest,
  Transcript,
} from '#protocol'
import { ClientError } from '../errors.ts'
import type { HttpDeps } from '../http.ts'
import type { VerifiedRunner } from '../verify/verify-runner.ts'
import { checkReceipt, type VerifiedReceipt } from './check-receipt.ts'
import { isAbort, openAnswer } from './open-answer.ts'
import type { Ask } from './read-ask.ts'
import { readUnsealedAnswer } from './unsealed-answer.ts'

export interface ExchangeDeps extends HttpDeps {
  readonly origin: string
  readonly clock: Clock
  readonly provider: Provider
  readonly onReceipt: (receipt: VerifiedReceipt) => void
}

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

/** A body sealed to one runner, and the most that its head allows. */
export interface Sealed {
  readonly request: SealedRequest<CryptoMode>
  readonly maxCost: Nano
}

/** One sealed request on its way to one runner. */
export interface Exchange {
  readonly ask: Ask
  readonly runner: VerifiedRunner
  readonly sealed: Sealed
  readonly authorization: string | undefined
  readonly signal: AbortSignal | null
}

export type Outcome =
  | { readonly kind: 'answer'; readonly answer: SealedAnswer }
  | Awaited<ReturnType<typeof readUnsealedAnswer>>

/**
 * Sends a sealed request and opens its answer up to the first frame. What comes outside the seal is only read by its
 * code; a connection that breaks before the first frame leaves the runner as gone.
 * @throws ClientError
 */
export async function exchange(deps: ExchangeDeps, given: Exchange): Promise<Outcome> {
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

async function post(deps: ExchangeDeps, given: Exchange): Promise<Response> {
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
  deps: ExchangeDeps,
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
