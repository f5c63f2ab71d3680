import { type Bytes, concatAll, fromUtf8 } from '#base/bytes.ts'
import {
  type BodyOpener,
  HEADER,
  type ProtocolErrorCode,
  problemCode,
  type Transcript,
} from '#protocol'
import type { Failure, PlainOutcome } from './plain-outcome.ts'
import type {
  Breakage,
  Call,
  Client,
  Incoming,
  OutgoingRequest,
  ReadHeader,
  Upstream,
} from './ports.ts'
import { JSON_HEADERS, SSE_HEADERS, sendWhole } from './send-whole.ts'
import type { Watch, Watchdog } from './watchdog.ts'

/** One sealed request to one runner, whose answer a plain client is to get. */
export interface PlainAttempt {
  readonly request: OutgoingRequest
  readonly client: Client
  /** Sees every frame of the answer. */
  readonly transcript: Transcript
  /** @throws ProtocolError for a malformed nonce */
  readonly opener: (nonce: string) => BodyOpener<'sync'>
  /** Headers of the answer to the client, without content type and length. */
  readonly headers: Readonly<Record<string, string>>
  /** What a stream ends with when its runner is lost in the middle. */
  readonly lostEvent: Uint8Array
  /** The runner's answer has begun to open. */
  readonly onFirstByte: () => void
}

/** A runner that queues and then thinks without streaming may take as long as OpenAI's clients wait. */
const FIRST_BYTE_SECONDS = 600
/** Runners send a comment every 15 s of silence. */
const SILENCE_SECONDS = 60
/** A client that takes nothing for this long has left. */
const STALLED_CLIENT_SECONDS = 120
/** A refusal outside the seal is one small object. */
const MAX_REFUSAL_BYTES = 16 * 1024
/** A whole answer up to this size is held until it is known to be complete. */
const MAX_HELD_BYTES = 8 * 1024 * 1024
const EVENT_STREAM = 'text/event-stream'

/** Sends one attempt and passes its answer on, byte by byte unchanged, as it opens. */
export function runPlainAttempt(
  ports: { readonly upstream: Upstream; readonly watchdog: Watchdog },
  attempt: PlainAttempt,
): Promise<PlainOutcome> {
  return new Promise((resolve) => {
    new Relay(ports, attempt, resolve).start(ports.upstream)
  })
}

class Relay implements Incoming {
  readonly #attempt: PlainAttempt
  readonly #client: Client
  readonly #watch: Watch
  readonly #resolve: (outcome: PlainOutcome) => void
  #call: Call | undefined
  #opener: BodyOpener<'sync'> | undefined
  #opened = false
  #status = 0
  #isEventStream = false
  /** Bytes go to the client as they open, instead of being held to the end. */
  #passesOn = false
  #headSent = false
  #held: Uint8Array[] = []
  #heldBytes = 0
  #done = false

  constructor(
    ports: { readonly watchdog: Watchdog },
    attempt: PlainAttempt,
    resolve: (outcome: PlainOutcome) => void,
  ) {
    this.#attempt = attempt
    this.#client = attempt.client
    this.#resolve = resolve
    this.#watch = ports.watchdog.watch(FIRST_BYTE_SECONDS, () => this.#expire())
  }

  start(upstream: Upstream): void {
    this.#client.listen({
      drain: () => {
        this.#watch.expect(SILENCE_SECONDS)
        this.#call?.resume()
      },
      gone: () => this.#leave(),
    })
    if (this.#client.gone) {
      this.#leave()
      return
    }
    this.#call = upstream.send(this.#attempt.request, this)
  }

  head(status: number, header: ReadHeader): void {
    this.#status = status
    const nonce = header(HEADER.responseNonce)
    if (nonce === undefined) return
    try {
      this.#opener = this.#attempt.opener(nonce)
    } catch {
      this.#fail('unauthentic')
      return
    }
    this.#isEventStream = status === 200 && (header('content-type') ?? '').startsWith(EVENT_STREAM)
    this.#passesOn = this.#isEventStream
    if (this.#isEventStream) this.#watch.expect(SILENCE_SECONDS)
  }

  data(chunk: Uint8Array): void {
    if (this.#done) return
    this.#watch.alive()
    const opener = this.#opener
    if (opener === undefined) {
      this.#hold(chunk, MAX_REFUSAL_BYTES)
      return
    }
    let opened: Bytes[]
    try {
      opened = opener.push(chunk)
    } catch {
      this.#fail('unauthentic')
      return
    }
    if (opened.length > 0 && !this.#opened) {
      this.#opened = true
      this.#attempt.onFirstByte()
    }
    for (const plaintext of opened) this.#pass(plaintext)
  }

  #pass(plaintext: Bytes): void {
    if (this.#done) return
    if (!this.#passesOn) {
      this.#hold(plaintext, MAX_HELD_BYTES)
      return
    }
    this.#sendHead()
    if (!this.#client.write(plaintext)) this.#pauseForClient()
  }

  /** Keeps bytes back. A whole answer beyond the limit is passed on as it comes instead. */
  #hold(bytes: Uint8Array, most: number): void {
    this.#held.push(bytes)
    this.#heldBytes += bytes.length
    if (this.#heldBytes <= most) return
    if (this.#opener === undefined || this.#status !== 200) {
      this.#fail('unauthentic')
      return
    }
    const parts = this.#held
    this.#held = []
    this.#passesOn = true
    this.#sendHead()
    for (const part of parts) if (!this.#client.write(part)) this.#pauseForClient()
  }

  #pauseForClient(): void {
    this.#call?.pause()
    this.#watch.expect(STALLED_CLIENT_SECONDS)
  }

  #sendHead(): void {
    if (this.#headSent) return
    this.#headSent = true
    const own = this.#isEventStream ? SSE_HEADERS : JSON_HEADERS
    this.#client.head(200, { ...this.#attempt.headers, ...own })
  }

  end(): void {
    if (this.#done) return
    const opener = this.#opener
    if (opener === undefined) {
      this.#finish({ kind: 'refused', status: this.#status, code: this.#problem() })
      return
    }
    try {
      opener.end()
    } catch {
      this.#fail('unauthentic')
      return
    }
    const status = this.#status
    if (this.#passesOn) this.#client.end()
    else {
      const body = concatAll(this.#held)
      if (status >= 500) {
        this.#finish({ kind: 'failed_sealed', status, body })
        return
      }
      sendWhole(this.#client, status, this.#attempt.headers, body)
    }
    this.#finish({ kind: 'answered', status })
  }

  broken(how: Breakage): void {
    this.#fail(how)
  }

  #expire(): void {
    this.#fail('timeout')
  }

  #leave(): void {
    if (this.#done) return
    this.#call?.abort()
    this.#finish({ kind: 'gone', sent: this.#call !== undefined })
  }

  #fail(how: Failure): void {
    if (this.#done) return
    this.#call?.abort()
    if (!this.#headSent) {
      this.#finish({ kind: 'failed', how })
      return
    }
    // A stream says so in its own language; a body of JSON can only be broken off.
    if (this.#isEventStream) this.#client.end(this.#attempt.lostEvent)
    else this.#client.fail()
    this.#finish({ kind: 'lost', how })
  }

  #problem(): ProtocolErrorCode | undefined {
    try {
      return problemCode(JSON.parse(fromUtf8(concatAll(this.#held))))
    } catch {
      return undefined
    }
  }

  #finish(outcome: PlainOutcome): void {
    this.#done = true
    this.#watch.stop()
    this.#held = []
    this.#resolve(outcome)
  }
}
