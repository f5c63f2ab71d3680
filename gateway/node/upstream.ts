import { createHash } from 'node:crypto'
import { lookup as dnsLookup, type LookupAddress } from 'node:dns'
import { TLSSocket } from 'node:tls'
import { buildConnector, type Dispatcher, Pool } from 'undici'
import type {
  Breakage,
  Call,
  DirectTarget,
  Incoming,
  OutgoingRequest,
  Upstream,
} from '../relay/ports.ts'
import { isPublicAddress } from '../runners/runner-url.ts'
import type { Tunnels } from './tunnel/tunnels.ts'

export interface NodeUpstream extends Upstream {
  close(): Promise<void>
}

const CONNECT_MS = 5_000
/** Node servers close idle connections after 5 s unless they say otherwise, which undici obeys. */
const KEEP_ALIVE_MS = 4_000
const KEEP_ALIVE_MAX_MS = 60_000
const MAX_POOLS = 4_096

/** The address or the key is not one that the registration allowed: nothing was sent. */
class UnsafeTarget extends Error {
  override readonly name = 'UnsafeTarget'
}

/**
 * Requests to runners: over their tunnels, or over pooled connections that we make. Addresses are judged when a connection is made, since DNS may have
 * changed (H15); no redirect is followed; time-outs are the relay's.
 * @param options.loopback development: runners on this machine
 */
export function createUpstream(options: {
  readonly loopback: boolean
  readonly tunnels: Pick<Tunnels, 'send'>
}): NodeUpstream {
  const pools = new Map<string, Pool>()
  const poolOf = (target: DirectTarget): Pool => {
    const name = `${target.url} ${target.pins.join(' ')}`
    const known = pools.get(name)
    if (known !== undefined) return known
    if (pools.size >= MAX_POOLS) dropOldest(pools)
    const pool = new Pool(target.url, {
      connections: null,
      pipelining: 1,
      headersTimeout: 0,
      bodyTimeout: 0,
      keepAliveTimeout: KEEP_ALIVE_MS,
      keepAliveMaxTimeout: KEEP_ALIVE_MAX_MS,
      connect: connectorOf(target, options.loopback),
    })
    pools.set(name, pool)
    return pool
  }
  return {
    send(request, incoming) {
      const { target } = request
      if (target.kind === 'tunnel') return options.tunnels.send(target.runner, request, incoming)
      const handler = new Handler(incoming)
      poolOf(target).dispatch(dispatchOptions(request), handler)
      return handler
    },
    close: async () => {
      await Promise.all(pools.values().map((pool) => pool.destroy()))
      pools.clear()
    },
  }
}

function dropOldest(pools: Map<string, Pool>): void {
  const [oldest] = pools
  if (oldest === undefined) return
  pools.delete(oldest[0])
  void oldest[1].close()
}

function dispatchOptions(request: OutgoingRequest): Dispatcher.DispatchOptions {
  const { method, path, headers, body } = request
  return { method, path, headers, body }
}

type Connect = buildConnector.connector

function connectorOf(target: DirectTarget, loopback: boolean): Connect {
  const connect = buildConnector({
    timeout: CONNECT_MS,
    ...(loopback ? {} : { lookup: lookupPublic }),
  })
  if (target.pins.length === 0) return connect
  return (options, callback) =>
    connect(options, (error, socket) => {
      if (socket instanceof TLSSocket && target.pins.includes(spkiOf(socket))) {
        callback(null, socket)
        return
      }
      socket?.destroy()
      callback(error ?? new UnsafeTarget('the TLS key is not in the keyset'), null)
    })
}

function spkiOf(socket: TLSSocket): string {
  const spki = socket.getPeerX509Certificate()?.publicKey.export({ format: 'der', type: 'spki' })
  return spki === undefined ? '' : createHash('sha256').update(spki).digest('hex')
}

type LookupCallback = (
  error: Error | null,
  address: string | LookupAddress[],
  family?: number,
) => void

/** DNS that answers with public addresses only. */
function lookupPublic(hostname: string, _options: unknown, callback: LookupCallback): void {
  dnsLookup(hostname, { all: true }, (error, addresses) => {
    if (error !== null) {
      callback(error, [])
      return
    }
    const isSafe =
      addresses.length > 0 && addresses.every(({ address }) => isPublicAddress(address))
    callback(isSafe ? null : new UnsafeTarget('the name leads to a private address'), addresses)
  })
}

class Handler implements Dispatcher.DispatchHandler, Call {
  readonly #incoming: Incoming
  #controller: Dispatcher.DispatchController | undefined
  #over = false

  constructor(incoming: Incoming) {
    this.#incoming = incoming
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    if (this.#over) controller.abort(ABORTED)
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: Record<string, string | string[] | undefined>,
  ): void {
    if (this.#over || status < 200) return
    this.#incoming.head(status, (name) => {
      const value = headers[name]
      return typeof value === 'string' ? value : undefined
    })
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (!this.#over) this.#incoming.data(chunk)
  }

  onResponseEnd(): void {
    if (this.#over) return
    this.#over = true
    this.#incoming.end()
  }

  onResponseError(_controller: unknown, error: Error): void {
    if (this.#over) return
    this.#over = true
    this.#incoming.broken(breakageOf(error))
  }

  pause(): void {
    this.#controller?.pause()
  }

  resume(): void {
    this.#controller?.resume()
  }

  abort(): void {
    if (this.#over) return
    this.#over = true
    this.#controller?.abort(ABORTED)
  }
}

const ABORTED = new Error('aborted')

const REFUSED: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ETIMEDOUT',
  'UND_ERR_CONNECT_TIMEOUT',
])

function breakageOf(error: Error): Breakage {
  if (error instanceof UnsafeTarget) return 'unsafe'
  return 'code' in error && typeof error.code === 'string' && REFUSED.has(error.code)
    ? 'refused'
    : 'broken'
}
