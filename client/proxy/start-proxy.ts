import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { isIP } from 'node:net'
import type { Connection } from '../connect.ts'
import { ClientError } from '../errors.ts'
import { forward } from './forward.ts'
import { type GuardSettings, objection } from './guard.ts'
import { statusPage } from './status-page.ts'

export interface ProxySettings {
  /** Default 127.0.0.1: the proxy may hold a key that spends money. */
  readonly host: string
  /** 0 picks a free one. */
  readonly port: number
  /** Web pages that may call the proxy. */
  readonly origins: readonly string[]
  /** Further names under which it is reached, for example in a container network. */
  readonly hostNames: readonly string[]
  /** What clients send as API key; undefined when they bring the real one. */
  readonly token: string | undefined
}

export interface LocalProxy {
  /** Without /v1. */
  readonly origin: string
  close(): Promise<void>
}

const SECURITY_HEADERS = {
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
  'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'",
  'referrer-policy': 'no-referrer',
} as const
const REQUEST_TIMEOUT_MS = 120_000
const MAX_HEADER_BYTES = 32 * 1024
const PREFLIGHT_SECONDS = '600'

/**
 * A local OpenAI-compatible address for clients that cannot be changed: it seals what they send and refuses what it
 * cannot seal.
 */
export async function startProxy(
  connection: Connection,
  settings: ProxySettings,
): Promise<LocalProxy> {
  const server = createServer({
    maxHeaderSize: MAX_HEADER_BYTES,
    requestTimeout: REQUEST_TIMEOUT_MS,
  })
  const port = await listening(server, settings)
  const guard: GuardSettings = {
    hosts: hostValues(settings, port),
    origins: new Set(settings.origins),
    token: settings.token,
  }
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    serve(connection, guard, { request, response }).catch(() => response.destroy())
  })
  return {
    origin: `http://${bracketed(settings.host)}:${port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

function listening(server: Server, { host, port }: ProxySettings): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, () => {
      server.off('error', reject)
      const address = server.address()
      resolve(typeof address === 'object' && address !== null ? address.port : port)
    })
  })
}

function hostValues({ host, hostNames }: ProxySettings, port: number): ReadonlySet<string> {
  const names = ['127.0.0.1', 'localhost', '[::1]', bracketed(host), ...hostNames]
  const withPort = names.map((name) =>
    name.includes(':') && !name.startsWith('[') ? name : `${name}:${port}`,
  )
  return new Set(withPort.map((name) => name.toLowerCase()))
}

function bracketed(host: string): string {
  return isIP(host) === 6 ? `[${host}]` : host
}

interface Exchange {
  readonly request: IncomingMessage
  readonly response: ServerResponse
}

/** 1. who asks  2. preflights, health and status  3. everything else through the seal */
async function serve(
  connection: Connection,
  guard: GuardSettings,
  { request, response }: Exchange,
): Promise<void> {
  const { method = 'GET', headers } = request
  const path = (request.url ?? '/').split('?', 1)[0] ?? '/'
  const page = method === 'GET' ? LOCAL_PAGES[path] : undefined
  const { origin } = headers
  const found = objection(
    {
      ...{ method, origin, host: headers.host },
      contentType: headers['content-type'],
      authorization: headers.authorization,
      spends: page === undefined && method !== 'OPTIONS',
    },
    guard,
  )
  if (origin !== undefined && guard.origins.has(origin)) allowOrigin(response, origin)
  if (found !== undefined) {
    const { status, code, message } = found
    const error = { message, type: 'invalid_request_error', param: null, code }
    answer(response, status, JSON.stringify({ error }))
  } else if (method === 'OPTIONS') preflight(request, response)
  else if (page !== undefined) page(connection, response)
  else await forward(connection, { request, response }, { ownsKey: guard.token !== undefined })
}

const LOCAL_PAGES: Readonly<
  Record<string, (connection: Connection, response: ServerResponse) => void>
> = Object.assign(Object.create(null), {
  '/': (connection: Connection, response: ServerResponse) =>
    answer(response, 200, statusPage(connection.verification), 'text/html; charset=utf-8'),
  '/health': (connection: Connection, response: ServerResponse) => {
    const { verification } = connection
    const ready = verification.runners.length > 0
    answer(response, ready ? 200 : 503, JSON.stringify({ ready, verification }))
  },
})

function allowOrigin(response: ServerResponse, origin: string): void {
  response.setHeader('access-control-allow-origin', origin)
  response.setHeader('vary', 'origin')
  response.setHeader(
    'access-control-expose-headers',
    'x-request-id, x-should-retry, retry-after, x-cocoon-confidentiality, x-cocoon-attestation, x-cocoon-runner, x-cocoon-session-id, x-cocoon-error',
  )
}

function preflight({ headers }: IncomingMessage, response: ServerResponse): void {
  const asked = headers['access-control-request-headers'] ?? ''
  // A browser asks before a page of another network reaches this machine; the guard knows the page.
  const local = headers['access-control-request-private-network'] === 'true'
  response.writeHead(204, {
    'access-control-allow-methods': 'GET, POST',
    'access-control-allow-headers': /^[A-Za-z0-9, _-]*$/.test(asked) ? asked : '',
    'access-control-max-age': PREFLIGHT_SECONDS,
    ...(local ? { 'access-control-allow-private-network': 'true' } : {}),
  })
  response.end()
}

function answer(
  response: ServerResponse,
  status: number,
  body: string,
  type = 'application/json',
): void {
  // The body of a refused request is not read: the connection ends with the answer.
  const closing = status >= 400 ? { connection: 'close' } : {}
  response.writeHead(status, { ...SECURITY_HEADERS, ...closing, 'content-type': type })
  response.end(body)
}

/** Whether an address is reachable from this machine only. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(?:\.[0-9]{1,3}){3}$/.test(host)
}

/** @throws ClientError `bad_option` unless the user said so */
export function requireLoopback(host: string, told: boolean): void {
  if (isLoopback(host) || told) return
  throw new ClientError('bad_option', `${host} is reachable from other machines`)
}
