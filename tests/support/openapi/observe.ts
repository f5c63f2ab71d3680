import { subscribe } from 'node:diagnostics_channel'

/** One answer that came over HTTP, whole or as far as it came. */
export interface Exchange {
  readonly origin: string
  readonly method: string
  readonly path: string
  readonly status: number
  readonly headers: ReadonlyMap<string, string>
  readonly body: Buffer
  /** False when the client left or the connection broke. */
  readonly complete: boolean
}

interface RequestMessage {
  readonly request: object & {
    readonly origin: string
    readonly method: string
    readonly path: string
  }
}
interface HeadersMessage extends RequestMessage {
  readonly response: { readonly statusCode: number; readonly headers: readonly Buffer[] }
}
interface ChunkMessage extends RequestMessage {
  readonly chunk: Uint8Array
}

interface Open {
  readonly status: number
  readonly headers: ReadonlyMap<string, string>
  readonly parts: Uint8Array[]
}

/**
 * Watches every answer that this process gets over HTTP by whatever client: Node's own `fetch`, undici, the SDKs.
 * It looks on from undici's diagnostics channels, so that no client is wrapped and no byte or timing changes.
 * @param isOurs whether an answer is worth keeping, by its headers
 */
export function observe(
  isOurs: (headers: ReadonlyMap<string, string>) => boolean,
  onExchange: (exchange: Exchange) => void,
): void {
  const open = new WeakMap<object, Open>()
  const finish = ({ request }: RequestMessage, complete: boolean): void => {
    const seen = open.get(request)
    if (seen === undefined) return
    open.delete(request)
    const { status, headers, parts } = seen
    const { origin, method, path } = request
    onExchange({ origin, method, path, status, headers, body: Buffer.concat(parts), complete })
  }
  // Sound, all of them: undici documents these messages.
  subscribe('undici:request:headers', (message) => {
    const { request, response } = message as HeadersMessage
    const headers = readHeaders(response.headers)
    if (isOurs(headers)) open.set(request, { status: response.statusCode, headers, parts: [] })
  })
  subscribe('undici:request:bodyChunkReceived', (message) => {
    const { request, chunk } = message as ChunkMessage
    open.get(request)?.parts.push(Buffer.from(chunk))
  })
  subscribe('undici:request:trailers', (message) => finish(message as RequestMessage, true))
  subscribe('undici:request:error', (message) => finish(message as RequestMessage, false))
}

function readHeaders(raw: readonly Buffer[]): ReadonlyMap<string, string> {
  const headers = new Map<string, string>()
  for (let at = 0; at + 1 < raw.length; at += 2) {
    headers.set(String(raw[at]).toLowerCase(), String(raw[at + 1]))
  }
  return headers
}
