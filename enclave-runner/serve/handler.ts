import { ENDPOINTS, HPKE_KEYS_PATH, HPKE_KEYS_TYPE, marshalKeyConfig } from '#protocol'
import type { Attestor } from '../attest/attestor.ts'
import type { Identities } from '../attest/identities.ts'
import type { Identity } from '../attest/identity.ts'
import type { Run } from './exchange.ts'
import type { HttpRequest, HttpResponse } from './http.ts'
import { Refusal, refusalAnswer } from './refusal.ts'
import type { InferenceDeps } from './serve-inference.ts'
import { serveInference } from './serve-inference.ts'

export interface HandlerDeps extends InferenceDeps {
  readonly attestor: Attestor
  readonly identities: Identities
  /** Requests served at once. */
  readonly capacity: number
}

/** Answers requests, wherever they come in. */
export interface Handler {
  handle(request: HttpRequest, response: HttpResponse): void
  /** Inference requests under way. */
  readonly inFlight: number
  /** Refuses everything new. */
  refuseNew(): void
  /** Ends what is under way with an error event and a receipt. */
  stopRuns(): void
}

const NONCE = /^[0-9a-f]{64}$/
const INFERENCE_PATHS: ReadonlySet<string> = new Set(ENDPOINTS)

const CLOSING = new Refusal('not_ready', 'the runner is closing')
/** An unread body up to this size is skipped, so that a refusal does not cost the peer its connection. */
const MAX_SKIPPED_BYTES = 1024 * 1024

type Route = (deps: HandlerDeps, url: URL, response: HttpResponse) => Promise<void>

/** Everything that is not inference: public facts, without a request body. */
const GET_ROUTES: ReadonlyMap<string, Route> = new Map([
  [HPKE_KEYS_PATH, sendKeys],
  ['/v1/aci/attestation', sendReport],
  ['/health', sendHealth],
])

export function createHandler(deps: HandlerDeps): Handler {
  const runs = new Map<HttpResponse, Run>()
  let isClosing = false
  return {
    handle(request, response) {
      const work = isClosing ? Promise.reject(CLOSING) : route(deps, runs, request, response)
      work.catch((error: unknown) => refuse(deps, request, response, error))
    },
    get inFlight() {
      return runs.size
    },
    refuseNew() {
      isClosing = true
    },
    stopRuns() {
      for (const run of runs.values()) run.stopEngine()
    },
  }
}

async function route(
  deps: HandlerDeps,
  runs: Map<HttpResponse, Run>,
  request: HttpRequest,
  response: HttpResponse,
): Promise<void> {
  const path = request.url ?? ''
  if (INFERENCE_PATHS.has(path)) {
    if (request.method !== 'POST') throw new Refusal('method_not_allowed', `${path} takes POST`)
    if (runs.size >= deps.capacity) throw new Refusal('busy', 'the runner is at its capacity')
    const run = startRun(response)
    runs.set(response, run)
    try {
      return await serveInference(deps, request, response, run)
    } finally {
      runs.delete(response)
    }
  }
  const url = URL.parse(path, 'http://runner')
  const found = url === null ? undefined : GET_ROUTES.get(url.pathname)
  if (found === undefined || url === null) throw new Refusal('not_found', 'no such path')
  if (request.method !== 'GET') throw new Refusal('method_not_allowed', 'takes GET')
  await found(deps, url, response)
}

/** One reason for every stop: making an exception a request costs more than the abort. */
const STOPPED = new Error('stopped')

function startRun(response: HttpResponse): Run {
  const stop = new AbortController()
  let isGone = false
  response.on('close', () => {
    isGone = !response.writableFinished
    if (isGone) stop.abort(STOPPED)
  })
  return {
    signal: stop.signal,
    get isGone() {
      return isGone
    },
    stopEngine: () => stop.abort(STOPPED),
  }
}

/** The last resort: an answer in plain while nothing was sent, else a visible cut. */
function refuse(
  deps: HandlerDeps,
  request: HttpRequest,
  response: HttpResponse,
  error: unknown,
): void {
  const { status, headers, body } = refusalAnswer(error)
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown'
  deps.log(status === 500 ? 'error' : 'info', 'refused', { status, code })
  if (response.destroyed) return
  if (response.headersSent) {
    response.destroy()
    return
  }
  const isShort = Number(request.headers['content-length'] ?? Infinity) <= MAX_SKIPPED_BYTES
  if (isShort) request.resume()
  const connection = isShort || request.complete ? {} : { connection: 'close' }
  response.writeHead(status, { ...headers, ...connection }).end(body)
}

/** The identity that gateways know: of the newest lease, or the one about to be registered. */
async function published({ leases, identities }: HandlerDeps): Promise<Identity> {
  return leases.live()[0]?.identity ?? (await identities.current())
}

async function sendKeys(deps: HandlerDeps, _url: URL, response: HttpResponse): Promise<void> {
  const { keys } = await published(deps)
  const configs = Object.values(keys.sealing).map(({ suite, publicKey }) => ({
    suite: suite.name,
    publicKey,
  }))
  const headers = { 'content-type': HPKE_KEYS_TYPE, 'cache-control': 'no-store' }
  response.writeHead(200, headers).end(marshalKeyConfig(configs))
}

async function sendReport(deps: HandlerDeps, url: URL, response: HttpResponse): Promise<void> {
  const nonce = url.searchParams.get('nonce') ?? ''
  if (!NONCE.test(nonce)) throw new Refusal('bad_nonce', 'nonce takes 64 lower-case hex digits')
  const report = await deps.attestor.report(await published(deps), nonce)
  sendJson(response, 200, report)
}

async function sendHealth(deps: HandlerDeps, _url: URL, response: HttpResponse): Promise<void> {
  const isRegistered = deps.leases.live().length > 0
  sendJson(response, isRegistered ? 200 : 503, { status: isRegistered ? 'ok' : 'not registered' })
}

function sendJson(response: HttpResponse, status: number, body: unknown): void {
  const headers = { 'content-type': 'application/json', 'cache-control': 'no-store' }
  response.writeHead(status, headers).end(JSON.stringify(body))
}
