import {
  createServer,
  type IncomingMessage,
  type Server,
  type ServerOptions,
  type ServerResponse,
} from 'node:http'
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https'
import type { Duplex } from 'node:stream'
import { limitConnections } from './limit-connections.ts'
import { refuseBadHost, refuseBadHttp, refuseBeyondLimit } from './refuse-bad-http.ts'

/** OpenAI's reference allows 64 KiB of headers; Node's default is 16. */
const MAX_HEADER_BYTES = 65_536
const BACKLOG = 4_096

export interface HttpTimes {
  /** A connection without a request. */
  readonly keepAliveMs: number
  /** From the first byte of a request to the end of its headers. */
  readonly headersMs: number
  /** A request must have arrived whole within this time; answers may take as long as they like. */
  readonly requestMs: number
  /** How often slow requests are looked for. */
  readonly checkMs: number
}

const TIMES: HttpTimes = {
  keepAliveMs: 75_000,
  headersMs: 30_000,
  requestMs: 300_000,
  checkMs: 10_000,
}

/** A certificate chain with its key, as PEM text. */
export interface Certificate {
  readonly cert: string
  readonly key: string
}

export interface HttpServer {
  /** `http://host:port` as it listens; `https:` with a certificate. */
  readonly origin: string
  /** What new connections get; undefined for plain HTTP. */
  certificate(): Certificate | undefined
  /** New connections get this certificate; the old ones go on. @throws when it is none, and changes nothing */
  renew(certificate: Certificate): void
  /**
   * Goes on listening while answers are under way, so that balancers are told by `/health`, and closes each connection
   * after its answer. Resolves when the last answer has ended or `drainMs` have passed.
   */
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
  /** Undefined speaks plain HTTP: TLS ends at a proxy in front. */
  readonly certificate?: Certificate | undefined
  readonly times?: HttpTimes
  readonly maxConnections: number
}): Promise<HttpServer> {
  const { certificate, handler, upgrades } = options
  const limits = {
    ...limitsOf(options.times ?? TIMES),
    shouldUpgradeCallback: (request: IncomingMessage) => upgrades?.wanted(request) ?? false,
  }
  const { server, renew, current } = makeServer(limits, certificate)
  refuseBadHttp(server)
  const connections = limitConnections(server, options.maxConnections)
  const drain = createDrain(server)
  server.on('request', (request, response) => {
    drain.note(response)
    if (connections.isBeyond(request.socket)) refuseBeyondLimit(response)
    else if (!refuseBadHost(request, response)) handler(request, response)
  })
  if (upgrades !== undefined) server.on('upgrade', upgrades.take)
  await listen(server, options)
  const scheme = certificate === undefined ? 'http' : 'https'
  const origin = originOf(server, scheme, options.host)
  return { origin, renew, certificate: current, close: drain.close }
}

function limitsOf({ keepAliveMs, headersMs, requestMs, checkMs }: HttpTimes): ServerOptions {
  return {
    keepAliveTimeout: keepAliveMs,
    headersTimeout: headersMs,
    requestTimeout: requestMs,
    connectionsCheckingInterval: checkMs,
    maxHeaderSize: MAX_HEADER_BYTES,
    requireHostHeader: false,
  }
}

function makeServer(
  limits: ServerOptions,
  certificate: Certificate | undefined,
): {
  server: Server | TlsServer
  renew: HttpServer['renew']
  current: HttpServer['certificate']
} {
  if (certificate === undefined) {
    const renew = (): never => {
      throw new TypeError('this listener speaks plain HTTP')
    }
    return { server: createServer(limits), renew, current: () => undefined }
  }
  const tls = { minVersion: 'TLSv1.2' } as const
  const server = createTlsServer({ ...limits, ...tls, ...certificate })
  let current = certificate
  const renew = (next: Certificate): void => {
    server.setSecureContext({ ...tls, ...next })
    current = next
  }
  return { server, renew, current: () => current }
}

function listen(
  server: Server | TlsServer,
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

function originOf(server: Server | TlsServer, scheme: string, host: string): string {
  const address = server.address()
  if (address === null || typeof address === 'string') throw new TypeError('not a TCP listener')
  return `${scheme}://${host.includes(':') ? `[${host}]` : host}:${address.port}`
}

interface Drain {
  /** An answer has begun. */
  note(response: ServerResponse): void
  close(drainMs: number): Promise<void>
}

function createDrain(server: Server | TlsServer): Drain {
  let underWay = 0
  let isClosing = false
  let idle = (): void => {}
  return {
    note(response) {
      underWay++
      if (isClosing) response.shouldKeepAlive = false
      response.on('close', () => {
        underWay--
        if (underWay === 0) idle()
      })
    },
    close(drainMs) {
      isClosing = true
      return new Promise((resolve) => {
        const timer = setTimeout(() => server.closeAllConnections(), drainMs)
        idle = () => {
          server.close(() => {
            clearTimeout(timer)
            resolve()
          })
          server.closeIdleConnections()
          idle = () => {}
        }
        if (underWay === 0) idle()
      })
    },
  }
}
