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

/** Tests that speak over a bare socket, which no client's channel sees, publish here what they sent and got. */
const RAW = 'cocoon:tests:raw-answer'

interface RawMessage {
  readonly request: string
  readonly answer: string
}

function readRaw({ request, answer }: RawMessage): Exchange {
  const [method = '', path = ''] = request.split(' ', 2)
  const end = answer.indexOf('\r\n\r\n')
  const lines = answer.slice(0, end).split('\r\n').slice(1)
  const headers = new Map(
    lines.map((line) => {
      const at = line.indexOf(':')
      return [line.slice(0, at).toLowerCase(), line.slice(at + 1).trim()]
    }),
  )
  const body = Buffer.from(answer.slice(end + 4), 'latin1')
  const status = Number(answer.slice(9, 12))
  return { origin: '', method, path, status, headers, body, complete: true }
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
  // Sound: the tests that publish there send this.
  subscribe(RAW, (message) => onExchange(readRaw(message as RawMessage)))
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
