import { once } from 'node:events'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { createServer } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { HPKE_KEYS_PATH, HPKE_KEYS_TYPE, marshalKeyConfig } from '#protocol'
import type { Attestor } from '../attest/attestor.ts'
import type { Identities } from '../attest/identities.ts'
import type { Identity } from '../attest/identity.ts'
import { ENDPOINTS } from '../engine/engine.ts'
import type { Run } from './exchange.ts'
import { Refusal, refusalAnswer } from './refusal.ts'
import type { InferenceDeps } from './serve-inference.ts'
import { serveInference } from './serve-inference.ts'

export interface ServerDeps extends InferenceDeps {
  readonly attestor: Attestor
  readonly identities: Identities
  /** Requests served at once. */
  readonly capacity: number
}

export interface RunnerServer {
  /** `http://host:port` of the listener. */
  readonly origin: string
  readonly inFlight: () => number
  /** Takes no more requests and waits for those under way; after `drainMs` it ends them with an error. */
  close(drainMs: number): Promise<void>
}

/** A proxy in front keeps connections for a minute: ours must live longer, or it meets a reset. */
const KEEP_ALIVE_TIMEOUT_MS = 75_000
const HEADERS_TIMEOUT_MS = 30_000
/** From the first byte of a request to the last of its body. */
const REQUEST_TIMEOUT_MS = 120_000
const MAX_HEADER_BYTES = 32_768
const IDLE_SWEEP_MS = 50
/** For error events and receipts after the engines were stopped. */
const LAST_WORDS_MS = 2000
const NONCE = /^[0-9a-f]{64}$/
const INFERENCE_PATHS: ReadonlySet<string> = new Set(ENDPOINTS)

const CLOSING = new Refusal('not_ready', 'the runner is closing')
/** An unread body up to this size is skipped, so that a refusal does not cost the peer its connection. */
const MAX_SKIPPED_BYTES = 1024 * 1024

type Handler = (deps: ServerDeps, url: URL, response: ServerResponse) => Promise<void>

/** Everything that is not inference: public facts, without a request body. */
const GET_ROUTES: ReadonlyMap<string, Handler> = new Map([
  [HPKE_KEYS_PATH, sendKeys],
  ['/v1/aci/attestation', sendReport],
  ['/health', sendHealth],
])

/** Listens for sealed requests: the runner's only door. */
export async function startServer(
  deps: ServerDeps,
  listen: { host: string; port: number },
): Promise<RunnerServer> {
  const runs = new Map<ServerResponse, Run>()
  let isClosing = false
  const options = {
    keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
    headersTimeout: HEADERS_TIMEOUT_MS,
    requestTimeout: REQUEST_TIMEOUT_MS,
    maxHeaderSize: MAX_HEADER_BYTES,
  }
  const server = createServer(options, (request, response) => {
    const work = isClosing ? Promise.reject(CLOSING) : handle(deps, runs, request, response)
    work.catch((error: unknown) => refuse(deps, request, response, error))
  })
  const unused = trackUnused(server)
  server.listen(listen.port, listen.host)
  await once(server, 'listening')
  // Sound: a server that listens on TCP has an address object.
  const { port } = server.address() as AddressInfo
  const host = listen.host.includes(':') ? `[${listen.host}]` : listen.host
  return {
    origin: `http://${host}:${port}`,
    inFlight: () => runs.size,
    close: (drainMs) => {
      isClosing = true
      return drain(server, runs, unused, drainMs)
    },
  }
}

async function handle(
  deps: ServerDeps,
  runs: Map<ServerResponse, Run>,
  request: IncomingMessage,
  response: ServerResponse,
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
  const route = url === null ? undefined : GET_ROUTES.get(url.pathname)
  if (route === undefined || url === null) throw new Refusal('not_found', 'no such path')
  if (request.method !== 'GET') throw new Refusal('method_not_allowed', 'takes GET')
  await route(deps, url, response)
}

/** One reason for every stop: making an exception a request costs more than the abort. */
const STOPPED = new Error('stopped')

function startRun(response: ServerResponse): Run {
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
  deps: ServerDeps,
  request: IncomingMessage,
  response: ServerResponse,
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
async function published({ leases, identities }: ServerDeps): Promise<Identity> {
  return leases.live()[0]?.identity ?? (await identities.current())
}

async function sendKeys(deps: ServerDeps, _url: URL, response: ServerResponse): Promise<void> {
  const { keys } = await published(deps)
  const configs = Object.values(keys.sealing).map(({ suite, publicKey }) => ({
    suite: suite.name,
    publicKey,
  }))
  const headers = { 'content-type': HPKE_KEYS_TYPE, 'cache-control': 'no-store' }
  response.writeHead(200, headers).end(marshalKeyConfig(configs))
}

async function sendReport(deps: ServerDeps, url: URL, response: ServerResponse): Promise<void> {
  const nonce = url.searchParams.get('nonce') ?? ''
  if (!NONCE.test(nonce)) throw new Refusal('bad_nonce', 'nonce takes 64 lower-case hex digits')
  const report = await deps.attestor.report(await published(deps), nonce)
  sendJson(response, 200, report)
}

async function sendHealth(deps: ServerDeps, _url: URL, response: ServerResponse): Promise<void> {
  const isRegistered = deps.leases.live().length > 0
  sendJson(response, isRegistered ? 200 : 503, { status: isRegistered ? 'ok' : 'not registered' })
}

function sendJson(response: ServerResponse, status: number, body: unknown): void {
  const headers = { 'content-type': 'application/json', 'cache-control': 'no-store' }
  response.writeHead(status, headers).end(JSON.stringify(body))
}

async function drain(
  server: Server,
  runs: ReadonlyMap<ServerResponse, Run>,
  unused: ReadonlySet<Socket>,
  drainMs: number,
): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()))
  const closeIdle = (): void => {
    server.closeIdleConnections()
    for (const socket of unused) socket.destroy()
  }
  closeIdle()
  const idle = setInterval(closeIdle, IDLE_SWEEP_MS)
  const cut = setTimeout(() => {
    for (const run of runs.values()) run.stopEngine()
  }, drainMs)
  const kill = setTimeout(() => server.closeAllConnections(), drainMs + LAST_WORDS_MS)
  await closed
  clearInterval(idle)
  clearTimeout(cut)
  clearTimeout(kill)
}

/** Connections that never carried a request: Node does not count them as idle. */
function trackUnused(server: Server): ReadonlySet<Socket> {
  const unused = new Set<Socket>()
  server.on('connection', (socket) => {
    unused.add(socket)
    socket.once('close', () => unused.delete(socket))
  })
  server.on('request', (request) => unused.delete(request.socket))
  return unused
}
