import type { UnixMs } from '#base/brand.ts'
import { utf8 } from '#base/bytes.ts'
import { ACI_HEADER, HEADER, type HeaderReader, newRequestId, SEAL_ROOM_BYTES } from '#protocol'
import type { Authenticator } from '../accounts/authenticator.ts'
import { type AccountId, type RequestId, requestId } from '../db/ids.ts'
import { ApiError } from '../errors.ts'
import { anthropicErrorObject } from '../http/anthropic-error.ts'
import { anyErrorAnswer } from '../http/any-error.ts'
import { authenticate, readKey } from '../http/authenticate.ts'
import { COMMON_HEADERS, preflightHeaders } from '../http/cors.ts'
import { addressByPath, type RunnerAddress } from '../http/runner-address.ts'
import type { Admission } from '../limits/limiter.ts'
import { codeOf } from '../log.ts'
import type { Client } from '../relay/ports.ts'
import type { LiveRunner } from '../runners/live-runner.ts'
import type { Trace } from '../telemetry/spans.ts'
import { assertOrigin } from './allowed.ts'
import type { InferenceDeps } from './deps.ts'
import { type InferencePath, inferencePath, MAX_COUNTED_BYTES } from './endpoints.ts'
import { type Journey, newJourney, timingHeaders } from './journey.ts'
import { createRelayGet, isRelayedGet, type RelayGet } from './relay-get.ts'
import type { Witness } from './request.ts'
import { serveOnce } from './serve-once.ts'
import { servePlain } from './serve-plain.ts'
import { serveSealed } from './serve-sealed.ts'
import { openWitness } from './witness.ts'

export interface ExchangeDeps extends InferenceDeps {
  readonly authenticator: Authenticator
  readonly maxBodyBytes: number
  /** Takes what became of a request, when traces are exported. */
  readonly trace: Trace | undefined
  /** Ends when the gateway is told to stop: nothing new is taken then. */
  readonly closing: Pick<AbortSignal, 'aborted'>
}

/** A request as a platform's listener got it. */
export interface Arrival {
  readonly method: string
  readonly path: string
  readonly query: () => URLSearchParams
  readonly header: HeaderReader
  readonly client: ArrivedClient
  /** Whom a limit per client is about. */
  readonly from: () => string
  /**
   * Reads the whole body, once, which is in memory for its account until the exchange ends.
   * @throws ApiError `request_too_large`; `overloaded` without room for it; `invalid_request` when the client goes away
   */
  readonly readBody: (maxBytes: number, account: AccountId) => Promise<Uint8Array>
}

export interface ArrivedClient extends Client {
  /** Whether the client has got a status. */
  readonly started: boolean
}

/**
 * @param own the runner whose own origin the request came to
 * @returns undefined when the request is none of its business; else a promise that never rejects, of the end of
 * the exchange
 */
export type ServeExchange = (arrival: Arrival, own: string | undefined) => Promise<void> | undefined

interface Exchange extends Arrival {
  readonly id: RequestId
  readonly journey: Journey
  readonly at: UnixMs
  readonly headers: Readonly<Record<string, string>>
}

/** The hot path: inference requests and everything at runners' own addresses. The rest is Hono's. */
export function createServeExchange(deps: ExchangeDeps): ServeExchange {
  const relayGet = createRelayGet(deps)
  return (arrival, own) => {
    const { path } = arrival
    const address = own === undefined ? addressByPath(path) : { runner: own, path }
    if (address !== undefined) {
      return run(deps, arrival, (exchange) =>
        serveAddress(deps, relayGet, { ...exchange, address }),
      )
    }
    const plain = arrival.method === 'POST' ? inferencePath(path) : undefined
    if (plain === undefined) return undefined
    return run(deps, arrival, (exchange) => serveBody(deps, exchange, plain, undefined))
  }
}

/** Runs one exchange to its end; whatever is thrown becomes an answer, or a broken connection. */
async function run(
  deps: ExchangeDeps,
  arrival: Arrival,
  serve: (exchange: Exchange) => Promise<void>,
): Promise<void> {
  const id = requestId(newRequestId(deps.random))
  const headers = { ...COMMON_HEADERS, 'x-request-id': id }
  const journey = newJourney(deps.timer())
  const exchange = { ...arrival, id, at: deps.clock(), journey, headers }
  try {
    await serve(exchange)
  } catch (error) {
    answerError(deps, exchange, error)
  }
}

function answerError(deps: ExchangeDeps, exchange: Exchange, error: unknown): void {
  const { client, id, headers, journey } = exchange
  const answer = anyErrorAnswer(error, wordsOf(exchange))
  if (answer.status >= 500) {
    const cause = error instanceof ApiError ? (error.cause ?? error) : error
    deps.log('error', 'request failed', { request: id, status: answer.status, code: codeOf(cause) })
  }
  if (client.gone) return
  if (client.started) {
    client.fail()
    return
  }
  const timing = timingHeaders(journey, deps.timer())
  const body = utf8(answer.body)
  // Whole: without a length it would be chunked, and clients that read by length would close the connection.
  const length = { 'content-length': String(body.length) }
  client.head(answer.status, { ...answer.headers, ...headers, ...timing, ...length })
  client.end(body)
}

/** Clients of Anthropic's Messages read errors of another shape than OpenAI's. */
function wordsOf({ path, id }: Exchange): ((error: ApiError) => object) | undefined {
  const asked = inferencePath(addressByPath(path)?.path ?? path)
  return asked?.startsWith('/v1/messages') ? (error) => anthropicErrorObject(error, id) : undefined
}

async function serveAddress(
  deps: ExchangeDeps,
  relayGet: RelayGet,
  exchange: Exchange & { readonly address: RunnerAddress },
): Promise<void> {
  const { method, client, address, headers } = exchange
  if (method === 'OPTIONS') {
    client.head(204, preflightHeaders(textOf(exchange.header('access-control-request-headers'))))
    client.end()
    return
  }
  await deps.directory.prepare({ runner: address.runner })
  const runner = deps.directory.find(address.runner)
  if (runner === undefined) {
    throw new ApiError('runner_not_found', 'No runner has a lease under this address')
  }
  const path = inferencePath(address.path)
  const told = { ...headers, [ACI_HEADER.keysetDigest]: runner.lease.keysetDigest }
  if (path !== undefined) {
    requireMethod(method, 'POST')
    await serveBody(deps, { ...exchange, headers: told }, path, runner)
    return
  }
  if (!isRelayedGet(address.path)) {
    throw new ApiError('not_found', `Invalid URL (${method} ${shown(address.path)})`)
  }
  requireMethod(method, 'GET')
  const asked = { path: address.path, query: exchange.query(), from: exchange.from() }
  await relayGet({ client, runner, ...asked, headers: told })
}

function requireMethod(method: string, required: string): void {
  if (method === required) return
  throw new ApiError('method_not_allowed', `This address takes ${required} only`, {
    headers: { allow: `${required}, OPTIONS` },
  })
}

const MAX_SHOWN_PATH = 200

/** A path as an error may repeat it. */
function shown(path: string): string {
  return path.replace(/[^\x21-\x7e]/g, '').slice(0, MAX_SHOWN_PATH)
}

/** Authenticates, reads the body and serves it, sealed to `runner` or plain. */
async function serveBody(
  deps: ExchangeDeps,
  exchange: Exchange,
  path: InferencePath,
  runner: LiveRunner | undefined,
): Promise<void> {
  const { client, id, at, journey, headers, header, readBody } = exchange
  const kind = runner === undefined ? 'plain' : 'sealed'
  let outcome = 'refused'
  let admission: Admission | undefined
  let witness: Witness | undefined
  try {
    if (deps.closing.aborted) {
      throw new ApiError('shutting_down', 'This gateway is shutting down', {
        headers: { connection: 'close' },
      })
    }
    const key = readKey(textOf(header('authorization')), textOf(header('x-api-key')))
    const identity = await authenticate(deps.authenticator, key)
    assertOrigin(identity, textOf(header('origin')))
    if (runner === undefined && textOf(header(HEADER.encapsulatedKey)) !== undefined) {
      // Whoever believes that it is sealed must not be served in the clear.
      throw new ApiError(
        'seal_invalid',
        'Sealed bodies go to a runner’s address: see GET /v1/runners',
      )
    }
    admission = deps.limiter.enter(identity)
    // The limit is the text's: sealed, it may be a little longer.
    const room = runner === undefined ? 0 : SEAL_ROOM_BYTES
    const most =
      path === '/v1/messages/count_tokens'
        ? Math.min(deps.maxBodyBytes, MAX_COUNTED_BYTES)
        : deps.maxBodyBytes
    const body = await readBody(most + room, identity.account)
    const came = { client, path, identity, id, body, at, journey, headers, admission }
    witness = openWitness(deps, came)
    const asked = { ...came, client: witness?.client ?? client, witness }
    outcome = await serveOnce(deps, header('idempotency-key'), asked, runner, () =>
      runner === undefined
        ? servePlain(deps, asked)
        : serveSealed(deps, { ...asked, runner, header }),
    )
  } catch (error) {
    outcome = error instanceof ApiError ? error.code : 'refused'
    throw error
  } finally {
    admission?.leave()
    witness?.close()
    const ended = deps.timer()
    deps.metrics.request(path, kind, outcome, (ended - journey.arrived) / 1000)
    deps.trace?.({
      request: id,
      path,
      kind,
      outcome,
      journey,
      ended,
      parent: textOf(header('traceparent')),
    })
  }
}

/** A header that was sent once. */
function textOf(value: ReturnType<HeaderReader>): string | undefined {
  return typeof value === 'string' ? value : undefined
}
