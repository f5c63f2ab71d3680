import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { refuseBadHttp } from './refuse-bad-http.ts'

/** OpenAI's reference allows 64 KiB of headers; Node's default is 16. */
const MAX_HEADER_BYTES = 65_536
const KEEP_ALIVE_MS = 75_000
const HEADERS_MS = 30_000
/** A request must have arrived whole within this time; answers may take as long as they like. */
const REQUEST_MS = 300_000
const CHECK_MS = 10_000
const BACKLOG = 4_096

export interface HttpServer {
  /** `http://host:port` as it listens. */
  readonly origin: string
  /** Takes no more connections; resolves when the last answer has ended or `drainMs` have passed. */
  close(drainMs: number): Promise<void>
}

export type RequestHandler = (request: IncomingMessage, response: ServerResponse) => void

/** Takes connections that stop to be HTTP/1.1. */
export interface Upgrades {
  /** Which requests those are; all others are served as if they asked for no upgrade. */
  readonly wanted: (request: IncomingMessage) => boolean
  readonly take: (request: IncomingMessage, socket: Duplex, head: Buffer) => void
}

/** Listens, with the limits that every listener of the gateway has. */
export async function openHttpServer(options: {
  readonly host: string
  readonly port: number
  readonly handler: RequestHandler
  readonly upgrades?: Upgrades
}): Promise<HttpServer> {
  const server = createServer({
    keepAliveTimeout: KEEP_ALIVE_MS,
    headersTimeout: HEADERS_MS,
    requestTimeout: REQUEST_MS,
    connectionsCheckingInterval: CHECK_MS,
    maxHeaderSize: MAX_HEADER_BYTES,
    shouldUpgradeCallback: (request) => options.upgrades?.wanted(request) ?? false,
  })
  refuseBadHttp(server)
  server.on('request', options.handler)
  if (options.upgrades !== undefined) server.on('upgrade', options.upgrades.take)
  await listen(server, options)
  return { origin: originOf(server, options.host), close: (drainMs) => close(server, drainMs) }
}

function listen(
  server: Server,
  { host, port }: { readonly host: string; readonly port: number },
): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host, port, backlog: BACKLOG }, () => {
      server.off('error', reject)
      resolve()
    })
  })
}

function originOf(server: Server, host: string): string {
  const address = server.address()
  if (address === null || typeof address === 'string') throw new TypeError('not a TCP listener')
  return `http://${host.includes(':') ? `[${host}]` : host}:${address.port}`
}

function close(server: Server, drainMs: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => server.closeAllConnections(), drainMs)
    server.close(() => {
      clearTimeout(timer)
      resolve()
    })
    server.closeIdleConnections()
  })
}
