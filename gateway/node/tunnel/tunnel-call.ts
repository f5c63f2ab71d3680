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

/** What the calls of one tunnel share. */
export interface CallDeps {
  readonly resets: Pick<Resets, 'reset'>
  /** Told when the peer, not we, breaks a stream. */
  readonly onReset: () => void
  /** Told of bytes of answers that have come. */
  readonly onContent: (bytes: number) => void
  /** Those whose clients are slower than the runner. */
  readonly paused: Set<TunnelCall>
}

/** One request as a stream of a tunnel: what comes back is told to `incoming`, once and in order. */
export class TunnelCall implements Call {
  readonly #stream: ClientHttp2Stream
  readonly #incoming: Incoming
  readonly #deps: CallDeps
  #informational = 0
  #over = false
  /** Bytes that were told of while they waited for the client. */
  #toldWaiting = 0

  constructor(stream: ClientHttp2Stream, incoming: Incoming, deps: CallDeps) {
    this.#stream = stream
    this.#incoming = incoming
    this.#deps = deps
    stream.on('headers', () => {
      if (++this.#informational > MAX_INFORMATIONAL) this.#break('broken')
    })
    stream.on('response', (headers) => {
      this.#head(headers)
      // Node tells of the head a tick after it came, and of a short answer's bytes before that if somebody listens.
      stream.on('data', (chunk: Buffer) => this.#data(chunk))
    })
    stream.on('end', () => this.#end())
    stream.on('error', () => {})
    stream.on('close', () => {
      const { rstCode } = stream
      deps.paused.delete(this)
      if (this.#over) return
      if (rstCode !== constants.NGHTTP2_NO_ERROR) deps.onReset()
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

  #data(chunk: Buffer): void {
    const told = Math.min(this.#toldWaiting, chunk.length)
    this.#toldWaiting -= told
    this.#deps.onContent(chunk.length - told)
    if (!this.#over) this.#incoming.data(chunk)
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

  /** Tells of what has come meanwhile and waits for the client. */
  tellWaiting(): void {
    const more = Math.max(0, this.#stream.readableLength - this.#toldWaiting)
    this.#toldWaiting += more
    this.#deps.onContent(more)
  }

  pause(): void {
    this.#deps.paused.add(this)
    this.#stream.pause()
  }

  resume(): void {
    this.#deps.paused.delete(this)
    this.#stream.resume()
  }

  abort(): void {
    if (this.#over) return
    this.#over = true
    this.#deps.resets.reset(this.#stream)
    this.resume()
  }
}
