import {
  type ClientHttp2Stream,
  constants,
  type IncomingHttpHeaders,
  type IncomingHttpStatusHeader,
} from 'node:http2'
import type { Breakage, Call, Incoming } from '../../relay/ports.ts'
import type { Resets } from './pace-resets.ts'

/** A peer that sends more informational heads than this for one answer is not answering. */
const MAX_INFORMATIONAL = 8

/** One request as a stream of a tunnel: what comes back is told to `incoming`, once and in order. */
export class TunnelCall implements Call {
  readonly #stream: ClientHttp2Stream
  readonly #incoming: Incoming
  readonly #resets: Pick<Resets, 'reset'>
  #informational = 0
  #over = false

  /** @param given.onReset told when the peer, not we, breaks the stream */
  constructor(
    stream: ClientHttp2Stream,
    incoming: Incoming,
    given: { readonly resets: Pick<Resets, 'reset'>; readonly onReset: () => void },
  ) {
    this.#stream = stream
    this.#incoming = incoming
    this.#resets = given.resets
    stream.on('headers', () => {
      if (++this.#informational > MAX_INFORMATIONAL) this.#break('broken')
    })
    stream.on('response', (headers) => this.#head(headers))
    stream.on('data', (chunk: Buffer) => {
      if (!this.#over) incoming.data(chunk)
    })
    stream.on('end', () => this.#end())
    stream.on('error', () => {})
    stream.on('close', () => {
      const { rstCode } = stream
      if (this.#over) return
      if (rstCode !== constants.NGHTTP2_NO_ERROR) given.onReset()
      this.#break(rstCode === constants.NGHTTP2_REFUSED_STREAM ? 'refused' : 'broken')
    })
  }

  #head(headers: IncomingHttpHeaders & IncomingHttpStatusHeader): void {
    if (this.#over) return
    this.#incoming.head(headers[':status'] ?? 0, (name) => {
      const value = headers[name]
      return typeof value === 'string' ? value : undefined
    })
  }

  #end(): void {
    // A stream that was cut also ends its readable side: only a whole one ended in order.
    if (this.#over || this.#stream.rstCode !== constants.NGHTTP2_NO_ERROR) return
    this.#over = true
    this.#incoming.end()
  }

  #break(how: Breakage): void {
    if (this.#over) return
    this.#over = true
    this.#stream.close(constants.NGHTTP2_CANCEL)
    this.#incoming.broken(how)
  }

  pause(): void {
    this.#stream.pause()
  }

  resume(): void {
    this.#stream.resume()
  }

  abort(): void {
    if (this.#over) return
    this.#over = true
    this.#resets.reset(this.#stream)
    this.#stream.resume()
  }
}
