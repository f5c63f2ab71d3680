import { constants, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2'
import type { HttpRequest, HttpResponse } from '../serve/http.ts'

/** One stream of a tunnel as the pair that serving knows. */
export function tunnelExchange(
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
): { readonly request: HttpRequest; readonly response: HttpResponse } {
  const request: HttpRequest = {
    method: headers[':method'],
    url: headers[':path'],
    headers,
    get complete() {
      // A stream that was reset ends its readable side too.
      return stream.readableEnded && stream.rstCode === constants.NGHTTP2_NO_ERROR
    },
    on: stream.on.bind(stream),
    off: stream.off.bind(stream),
    pause: () => stream.pause(),
    resume: () => stream.resume(),
  }
  return { request, response: new TunnelResponse(stream) }
}

class TunnelResponse implements HttpResponse {
  readonly #stream: ServerHttp2Stream
  #hasEnded = false
  #head: { readonly status: number; readonly headers: Readonly<Record<string, string>> } | undefined

  constructor(stream: ServerHttp2Stream) {
    this.#stream = stream
  }

  get headersSent(): boolean {
    return this.#stream.headersSent
  }

  get destroyed(): boolean {
    return this.#stream.destroyed || this.#stream.closed
  }

  get writableFinished(): boolean {
    // Node also ends the stream of a peer that reset it: that is no finished answer.
    const { writableFinished, rstCode } = this.#stream
    return this.#hasEnded && writableFinished && rstCode === constants.NGHTTP2_NO_ERROR
  }

  writeHead(status: number, headers: Readonly<Record<string, string>>): this {
    // HTTP/2 has no such header: its streams end by themselves.
    const { connection: _, ...kept } = headers
    this.#head = { status, headers: kept }
    return this
  }

  flushHeaders(): void {
    const head = this.#head
    if (head === undefined || this.headersSent || this.destroyed) return
    this.#stream.respond({ ...head.headers, ':status': head.status })
  }

  write(bytes: Uint8Array): boolean {
    this.flushHeaders()
    // A stream that is gone takes nothing: its owner hears of it by `close`.
    return this.destroyed || this.#stream.write(bytes)
  }

  end(body?: Uint8Array | string): void {
    this.flushHeaders()
    this.#hasEnded = true
    if (!this.destroyed) this.#stream.end(body)
  }

  destroy(): void {
    // A code that cannot be taken for the end of an answer.
    this.#stream.close(constants.NGHTTP2_INTERNAL_ERROR)
  }

  on(event: 'drain' | 'close', listener: () => void): void {
    this.#stream.on(event, listener)
  }

  off(event: 'drain' | 'close', listener: () => void): void {
    this.#stream.off(event, listener)
  }
}
