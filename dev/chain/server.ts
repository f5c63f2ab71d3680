import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Chain } from './chain.ts'
import { devMethods } from './dev-methods.ts'
import { type Faults, noFaults, strikes } from './faults.ts'
import { chainMethods, type Method } from './methods.ts'
import { isParams, RpcError } from './params.ts'

const MAX_REQUEST_BYTES = 4 * 1024 * 1024
const PATH = '/api/v2/jsonRPC'

export interface Provider {
  /** The URL that TonClient takes as `endpoint`. */
  readonly endpoint: string
  /** This provider's faults; other providers of the same chain have their own. */
  readonly faults: Faults
  close(): Promise<void>
}

/** Serves a chain over toncenter's v2 JSON-RPC. Several providers may serve one chain, each with its own faults. */
export async function serveChain(
  chain: Chain,
  address: { readonly host: string; readonly port: number },
): Promise<Provider> {
  const faults = noFaults()
  const methods: Readonly<Record<string, Method>> = {
    ...chainMethods(chain, faults),
    ...devMethods(chain, faults),
  }
  const server = createServer(
    (request, response) => void answer(methods, faults, request, response),
  )
  const port = await listen(server, address)
  return {
    endpoint: `http://${address.host}:${port}${PATH}`,
    faults,
    close: () => closeServer(server),
  }
}

async function answer(
  methods: Readonly<Record<string, Method>>,
  faults: Faults,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  if (request.method === 'OPTIONS') {
    response.writeHead(204, CORS).end()
    return
  }
  let id: unknown = '1'
  try {
    const call = await readCall(request)
    id = call.id
    const result = await invoke(methods, faults, call)
    reply(response, 200, { ok: true, result, '@extra': '', jsonrpc: '2.0', id })
  } catch (error) {
    const status = error instanceof RpcError ? error.status : 500
    const message = error instanceof Error ? error.message : 'failed'
    // Toncenter puts the text of a rate limit into `result`, every other into `error`.
    const text = status === 429 ? { result: message } : { error: message }
    reply(response, status, { ok: false, ...text, code: status, jsonrpc: '2.0', id })
  }
}

interface Call {
  readonly id: unknown
  readonly method: string
  readonly params: Readonly<Record<string, unknown>>
}

async function invoke(
  methods: Readonly<Record<string, Method>>,
  faults: Faults,
  call: Call,
): Promise<unknown> {
  if (!call.method.startsWith('dev_')) {
    if (strikes(faults, 'rateLimited')) throw new RpcError(429, 'Ratelimit exceed')
    if (strikes(faults, 'unavailable')) throw new RpcError(503, 'LITE_SERVER_NETWORK')
  }
  const method = Object.hasOwn(methods, call.method) ? methods[call.method] : undefined
  if (!method) throw new RpcError(404, 'unknown method')
  return method(call.params)
}

async function readCall(request: IncomingMessage): Promise<Call> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request) {
    if (!Buffer.isBuffer(chunk)) throw new RpcError(422, 'not bytes')
    size += chunk.length
    if (size > MAX_REQUEST_BYTES) throw new RpcError(422, 'request too large')
    chunks.push(chunk)
  }
  const call = parseJson(Buffer.concat(chunks).toString())
  if (!isParams(call) || typeof call['method'] !== 'string') throw new RpcError(422, 'not a call')
  const params = call['params'] ?? {}
  if (!isParams(params)) throw new RpcError(422, 'params must be an object')
  return { id: call['id'], method: call['method'], params }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new RpcError(422, 'not JSON', { cause: error })
  }
}

/** Browsers call the chain: pages read the Registry themselves, as they do at toncenter. */
const CORS = {
  'access-control-allow-origin': '*',
  'access-control-allow-headers': 'content-type, accept, x-api-key',
}

function reply(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { ...CORS, 'content-type': 'application/json' })
  response.end(JSON.stringify(body))
}

function listen(
  server: Server,
  address: { readonly host: string; readonly port: number },
): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(address.port, address.host, () => {
      server.off('error', reject)
      // Sound: a TCP listener's address is an object once it listens.
      resolve((server.address() as AddressInfo).port)
    })
  })
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve())
    server.closeAllConnections()
  })
}
