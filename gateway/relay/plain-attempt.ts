import { type Bytes, concatAll, fromUtf8 } from '#base/bytes.ts'
import { member } from '#base/members.ts'
import {
  type BodyOpener,
  HEADER,
  type ProtocolErrorCode,
  problemCode,
  type Transcript,
} from '#protocol'
import { Attempt } from './attempt.ts'
import type { Failure, PlainAnswer, PlainOutcome } from './plain-outcome.ts'
import type { Client, OutgoingRequest, ReadHeader, Upstream } from './ports.ts'
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
  readonly lostEvent: (how: Failure) => Uint8Array
  /** Most bytes of the answer on the wire. */
  readonly maxBytes: number
  readonly timing: () => Readonly<Record<string, string>>
  readonly onHead: () => void
  /** The runner's answer has begun to open. */
  readonly onFirstByte: () => void
}

/** Runners send a comment every 15 s of silence. */
const SILENCE_SECONDS = 60
/** Comments alone are a sign of life, but no work: a first token may take as long as OpenAI's clients wait. */
const IDLE_SECONDS = 600
/** A refusal outside the seal is one small object. */
const MAX_REFUSAL_BYTES = 16 * 1024
/** A whole answer up to this size is held until it is known to be complete. */
const MAX_HELD_BYTES = 8 * 1024 * 1024
const EVENT_STREAM = 'text/event-stream'
const COLON = 0x3a
const LINE_FEED = 0x0a
/** Ends an event that was cut in the middle, so that the error event after it is one. */
const EVENT_END = new Uint8Array([LINE_FEED, LINE_FEED])

/** Sends one attempt and passes its answer on, byte by byte unchanged, as it opens. */
export function runPlainAttempt(
  { upstream, watchdog }: { readonly upstream: Upstream; readonly watchdog: Watchdog },
  attempt: PlainAttempt,
): Promise<PlainOutcome> {
  return new PlainRelay(watchdog, attempt).run(upstream, attempt.request)
}

class PlainRelay extends Attempt<PlainAnswer, Failure> {
  readonly #attempt: PlainAttempt
  #opener: BodyOpener<'sync'> | undefined
  #opened = false
  #status = 0
  #isEventStream = false
  /** Bytes go to the client as they open, instead of being held to the end. */
  #passesOn = false
  #held: Uint8Array[] = []
  #heldBytes = 0
  /** Whether what the client has got ends with a whole line. */
  #isLineEnd = true
  readonly #progress: Watch

  constructor(watchdog: Watchdog, attempt: PlainAttempt) {
    const { client, maxBytes: bytes, timing, onHead } = attempt
    super(watchdog, client, { silenceSeconds: SILENCE_SECONDS, bytes, timing, onHead })
    this.#attempt = attempt
    this.#progress = watchdog.watch(IDLE_SECONDS, () => this.fail('endless'))
  }

  head(status: number, header: ReadHeader): void {
    this.#status = status
    const nonce = header(HEADER.responseNonce)
    if (nonce === undefined) return
    try {
      this.#opener = this.#attempt.opener(nonce)
    } catch {
      this.fail('unauthentic')
      return
    }
    this.#isEventStream = status === 200 && (header('content-type') ?? '').startsWith(EVENT_STREAM)
    this.#passesOn = this.#isEventStream
    if (this.#isEventStream) this.begun()
  }

  protected take(chunk: Uint8Array): void {
    const opener = this.#opener
    if (opener === undefined) {
      this.#hold(chunk, MAX_REFUSAL_BYTES)
      return
    }
    let opened: Bytes[]
    try {
      opened = opener.push(chunk)
    } catch {
      this.fail('unauthentic')
      return
    }
    if (opened.length > 0 && !this.#opened) {
      this.#opened = true
      this.#attempt.onFirstByte()
    }
    for (const plaintext of opened) this.#pass(plaintext)
  }

  #pass(plaintext: Bytes): void {
    if (this.isDone) return
    if (!this.#passesOn) {
      this.#hold(plaintext, MAX_HELD_BYTES)
      return
    }
    this.#beginAnswer()
    if (plaintext[0] !== COLON) this.#progress.alive()
    this.#isLineEnd = plaintext.at(-1) === LINE_FEED
    this.write(plaintext)
  }

  /** Keeps bytes back. A whole answer beyond the limit is passed on as it comes instead. */
  #hold(bytes: Uint8Array, most: number): void {
    this.#held.push(bytes)
    this.#heldBytes += bytes.length
    if (this.#heldBytes <= most) return
    if (this.#opener === undefined || this.#status !== 200) {
      this.fail('unauthentic')
      return
    }
    const parts = this.#held
    this.#held = []
    this.#passesOn = true
    this.#beginAnswer()
    for (const part of parts) this.write(part)
  }

  #beginAnswer(): void {
    const own = this.#isEventStream ? SSE_HEADERS : JSON_HEADERS
    this.sendHead(200, { ...this.#attempt.headers, ...own })
  }

  protected complete(): void {
    const opener = this.#opener
    const status = this.#status
    if (opener === undefined) {
      this.finish({ kind: 'refused', status, code: this.#problem() })
      return
    }
    try {
      opener.end()
    } catch {
      // What came was authentic, but the rest is missing: somebody on the way cut it.
      this.fail('broken')
      return
    }
    if (this.#passesOn) this.client.end()
    else {
      const body = concatAll(this.#held)
      if (status >= 500) {
        this.finish({ kind: 'failed_sealed', status, body })
        return
      }
      const { headers, timing } = this.#attempt
      sendWhole(this.client, status, { ...headers, ...timing() }, body)
    }
    this.finish({ kind: 'answered', status, bytes: this.passed + this.#heldBytes })
  }

  protected override finish(outcome: PlainOutcome): void {
    this.#progress.stop()
    super.finish(outcome)
  }

  /** A stream says so in its own language; a body of JSON can only be broken off. */
  protected breakOff(how: Failure): void {
    if (!this.#isEventStream) {
      this.client.fail()
      return
    }
    if (!this.#isLineEnd) this.client.write(EVENT_END)
    this.client.end(this.#attempt.lostEvent(how))
  }

  #problem(): ProtocolErrorCode | 'busy' | undefined {
    try {
      const told: unknown = JSON.parse(fromUtf8(concatAll(this.#held)))
      return member(member(told, 'error'), 'code') === 'busy' ? 'busy' : problemCode(told)
    } catch {
      return undefined
    }
  }
}
