import { once } from 'node:events'
import type { Server } from 'node:http'
import { createServer } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import type { Handler } from './handler.ts'

export interface RunnerServer {
  /** `http://host:port` of the listener. */
  readonly origin: string
  /** Takes no more connections and resolves when the last one has ended. */
  close(): Promise<void>
  /** Cuts what is left. */
  cut(): void
}

/** A proxy in front keeps connections for a minute: ours must live longer, or it meets a reset. */
const KEEP_ALIVE_TIMEOUT_MS = 75_000
const HEADERS_TIMEOUT_MS = 30_000
/** From the first byte of a request to the last of its body. */
const REQUEST_TIMEOUT_MS = 120_000
const MAX_HEADER_BYTES = 32_768
const IDLE_SWEEP_MS = 50

/** Listens for gateways that call this runner: the `direct` transport. */
export async function startServer(
  handler: Handler,
  listen: { readonly host: string; readonly port: number },
): Promise<RunnerServer> {
  const options = {
    keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
    headersTimeout: HEADERS_TIMEOUT_MS,
    requestTimeout: REQUEST_TIMEOUT_MS,
    maxHeaderSize: MAX_HEADER_BYTES,
  }
  const server = createServer(options, (request, response) => handler.handle(request, response))
  const unused = trackUnused(server)
  server.listen(listen.port, listen.host)
  await once(server, 'listening')
  // Sound: a server that listens on TCP has an address object.
  const { port } = server.address() as AddressInfo
  const host = listen.host.includes(':') ? `[${listen.host}]` : listen.host
  return {
    origin: `http://${host}:${port}`,
    close: () => closeIdly(server, unused),
    cut: () => server.closeAllConnections(),
  }
}

async function closeIdly(server: Server, unused: ReadonlySet<Socket>): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()))
  const closeIdle = (): void => {
    server.closeIdleConnections()
    for (const socket of unused) socket.destroy()
  }
  closeIdle()
  const idle = setInterval(closeIdle, IDLE_SWEEP_MS)
  await closed
  clearInterval(idle)
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
