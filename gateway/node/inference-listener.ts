import type { IncomingMessage, ServerResponse } from 'node:http'
import type { UnixMs } from '#base/brand.ts'
import { newRequestId } from '#protocol'
import type { Authenticator } from '../accounts/authenticator.ts'
import { type RequestId, requestId } from '../db/ids.ts'
import { ApiError } from '../errors.ts'
import { anyErrorAnswer } from '../http/any-error.ts'
import { authenticate, readKey } from '../http/authenticate.ts'
import { CORS_HEADERS, preflightHeaders } from '../http/cors.ts'
import { addressByPath, type RunnerAddress } from '../http/runner-address.ts'
import type { InferenceDeps } from '../inference/deps.ts'
import { type InferencePath, inferencePath } from '../inference/endpoints.ts'
import { createRelayGet, isRelayedGet, type RelayGet } from '../inference/relay-get.ts'
import { servePlain } from '../inference/serve-plain.ts'
import { serveSealed } from '../inference/serve-sealed.ts'
import { codeOf } from '../log.ts'
import type { LiveRunner } from '../runners/live-runner.ts'
import { NodeClient } from './node-client.ts'
import { readBody } from './read-body.ts'

export interface ListenerDeps extends InferenceDeps {
  readonly authenticator: Authenticator
  readonly maxBodyBytes: number
  /** Ends when the gateway is told to stop: nothing new is taken then. */
  readonly closing: AbortSignal
}

/**
 * @param own the runner whose own origin the request came to
 * @returns false when the request is none of its business
 */
export type Listener = (
  request: IncomingMessage,
  response: ServerResponse,
  own: string | undefined,
) => boolean

interface Exchange {
  readonly request: IncomingMessage
  readonly client: NodeClient
  readonly id: RequestId
  readonly at: UnixMs
  readonly headers: Readonly<Record<string, string>>
}

/** How long an unread body is swallowed after a refusal, so that the client reads the refusal. */
const SWALLOW_MS = 10_000

/**
 * The hot path: inference requests and everything at runners' own addresses, straight from `node:http`. The rest is
 * Hono's.
 */
export function createInferenceListener(deps: ListenerDeps): Listener {
  const relayGet = createRelayGet(deps)
  return (request, response, own) => {
    const url = request.url ?? '/'
    const mark = url.indexOf('?')
    const path = mark === -1 ? url : url.slice(0, mark)
    const address = own === undefined ? addressByPath(path) : { runner: own, path }
    if (address !== undefined) {
      const query = new URLSearchParams(mark === -1 ? '' : url.slice(mark))
      run(deps, request, response, (exchange) =>
        serveAddress(deps, relayGet, { ...exchange, address, query }),
      )
      return true
    }
    const plain = request.method === 'POST' ? inferencePath(path) : undefined
    if (plain === undefined) return false
    run(deps, request, response, (exchange) => serveBody(deps, exchange, plain, undefined))
    return true
  }
}

/** Runs one exchange to its end; whatever is thrown becomes an answer, or a broken connection. */
function run(
  deps: ListenerDeps,
  request: IncomingMessage,
  response: ServerResponse,
  serve: (exchange: Exchange) => Promise<void>,
): void {
  const id = requestId(newRequestId(deps.random))
  const client = new NodeClient(response)
  const headers = { ...CORS_HEADERS, 'x-request-id': id }
  const exchange = { request, client, id, at: deps.clock(), headers }
  serve(exchange).catch((error: unknown) => answerError(deps, exchange, error))
}

function answerError(deps: ListenerDeps, exchange: Exchange, error: unknown): void {
  const { client, request, id, headers } = exchange
  const answer = anyErrorAnswer(error)
  if (answer.status >= 500) {
    const cause = error instanceof ApiError ? (error.cause ?? error) : error
    deps.log('error', 'request failed', { request: id, status: answer.status, code: codeOf(cause) })
  }
  if (client.gone) return
  if (client.started) {
    client.fail()
    return
  }
  client.head(answer.status, { ...answer.headers, ...headers })
  client.end(Buffer.from(answer.body))
  if (request.complete) return
  request.resume()
  const timer = setTimeout(() => request.destroy(), SWALLOW_MS)
  timer.unref()
  request.on('close', () => clearTimeout(timer))
}

async function serveAddress(
  deps: ListenerDeps,
  relayGet: RelayGet,
  exchange: Exchange & { readonly address: RunnerAddress; readonly query: URLSearchParams },
): Promise<void> {
  const { request, client, address, headers } = exchange
  if (request.method === 'OPTIONS') {
    const asked = request.headers['access-control-request-headers']
    client.head(204, preflightHeaders(asked))
    client.end()
    return
  }
  const runner = deps.directory.find(address.runner)
  if (runner === undefined) {
    throw new ApiError('runner_not_found', 'No runner has a lease under this address')
  }
  const path = inferencePath(address.path)
  if (path !== undefined) {
    requireMethod(request, 'POST')
    await serveBody(deps, exchange, path, runner)
    return
  }
  if (!isRelayedGet(address.path)) {
    throw new ApiError('not_found', `Invalid URL (${request.method} ${shown(address.path)})`)
  }
  requireMethod(request, 'GET')
  await relayGet({ client, runner, path: address.path, query: exchange.query, headers })
}

function requireMethod(request: IncomingMessage, method: string): void {
  if (request.method === method) return
  throw new ApiError('method_not_allowed', `This address takes ${method} only`, {
    headers: { allow: `${method}, OPTIONS` },
  })
}

const MAX_SHOWN_PATH = 200

/** A path as an error may repeat it. */
function shown(path: string): string {
  return path.replace(/[^\x21-\x7e]/g, '').slice(0, MAX_SHOWN_PATH)
}

/** Authenticates, reads the body and serves it, sealed to `runner` or plain. */
async function serveBody(
  deps: ListenerDeps,
  { request, client, id, at, headers }: Exchange,
  path: InferencePath,
  runner: LiveRunner | undefined,
): Promise<void> {
  const kind = runner === undefined ? 'plain' : 'sealed'
  let outcome = 'refused'
  try {
    if (deps.closing.aborted) {
      throw new ApiError('shutting_down', 'This gateway is shutting down', {
        headers: { connection: 'close' },
      })
    }
    const header = (name: string) => request.headers[name]
    const apiKey = request.headers['x-api-key']
    const key = readKey(
      request.headers.authorization,
      typeof apiKey === 'string' ? apiKey : undefined,
    )
    const identity = await authenticate(deps.authenticator, key)
    const body = await readBody(request, deps.maxBodyBytes)
    const asked = { client, path, identity, id, body, at, headers }
    outcome =
      runner === undefined
        ? await servePlain(deps, asked)
        : await serveSealed(deps, { ...asked, runner, header })
  } catch (error) {
    outcome = error instanceof ApiError ? error.code : 'refused'
    throw error
  } finally {
    deps.metrics.request(path, kind, outcome, (deps.clock() - at) / 1000)
  }
}
