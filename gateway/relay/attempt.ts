import type {
  Breakage,
  Call,
  Client,
  Incoming,
  OutgoingRequest,
  ReadHeader,
  Upstream,
} from './ports.ts'
import type { Watch, Watchdog } from './watchdog.ts'

/** How an attempt ends when no answer does. */
export type Unanswered<How> =
  /** No usable answer; the client has got nothing. */
  | { readonly kind: 'failed'; readonly how: How }
  /** The runner was lost in the middle; the client can tell. `bytes`: what the client has got. */
  | { readonly kind: 'lost'; readonly how: How; readonly bytes: number }
  /** The client left. `sent`: the runner had been asked, so that a receipt may come. */
  | { readonly kind: 'gone'; readonly sent: boolean }

/** `timeout`: silent, or at it for too long. `endless`: more bytes, or more comments, than an answer can have. */
export type Failure = Breakage | 'timeout' | 'endless'

/** A runner that queues and then thinks without streaming may take as long as OpenAI's clients wait. */
const FIRST_BYTE_SECONDS = 600
/** A client that takes nothing for this long has left. */
const STALLED_CLIENT_SECONDS = 120
/** The longest answer: a runner that keeps a connection alive with nothing in it holds a place and money. */
const ANSWER_SECONDS = 3_600

export interface AttemptTerms {
  /** Most time between two chunks of an answer that has begun. */
  readonly silenceSeconds: number
  /** Most bytes of the answer on the wire. */
  readonly bytes: number
  /** Headers that say how long what took, when the head is sent. */
  readonly timing: () => Readonly<Record<string, string>>
  /** The client has got something: from now on the runner can be lost, but the attempt cannot fail. */
  readonly onHead: () => void
}

/**
 * One request to one runner whose answer one client is to get: asks, watches, holds the runner back while the
 * client is slow, and ends exactly once. What the answer must be is the subclass's matter.
 */
export abstract class Attempt<Answered, How> implements Incoming {
  protected readonly client: Client
  readonly #watch: Watch
  readonly #whole: Watch
  readonly #terms: AttemptTerms
  readonly #ended = Promise.withResolvers<Answered | Unanswered<How | Failure>>()
  #call: Call | undefined
  #headSent = false
  #done = false
  /** The client is slower than the runner, now or ever. */
  #isPaused = false
  #wasPaused = false
  #received = 0
  #passed = 0

  constructor(watchdog: Watchdog, client: Client, terms: AttemptTerms) {
    this.client = client
    this.#terms = terms
    this.#whole = watchdog.watch(ANSWER_SECONDS, () => this.#outlast())
    this.#watch = watchdog.watch(FIRST_BYTE_SECONDS, () => this.#expire())
  }

  run(upstream: Upstream, request: OutgoingRequest): Promise<Answered | Unanswered<How | Failure>> {
    this.client.listen({
      drain: () => {
        this.#isPaused = false
        this.begun()
        this.#call?.resume()
      },
      gone: () => this.#leave(),
    })
    if (this.client.gone) this.#leave()
    else this.#call = upstream.send(request, this)
    return this.#ended.promise
  }

  abstract head(status: number, header: ReadHeader): void
  /** A chunk of an answer that still counts. */
  protected abstract take(chunk: Uint8Array): void
  /** The answer is complete, as far as the connection tells. */
  protected abstract complete(): void
  /** Tells a client that has begun to read that the rest will not come. */
  protected abstract breakOff(how: How | Failure): void

  data(chunk: Uint8Array): void {
    if (this.#done) return
    this.#watch.alive()
    this.#received += chunk.length
    if (this.#received > this.#terms.bytes) this.fail('endless')
    else this.take(chunk)
  }

  end(): void {
    if (!this.#done) this.complete()
  }

  broken(how: Breakage): void {
    this.fail(how)
  }

  /** What the client has got. */
  protected get passed(): number {
    return this.#passed
  }

  protected get isDone(): boolean {
    return this.#done
  }

  /** The runner works on it: from now on silence is short. */
  protected begun(): void {
    this.#watch.expect(this.#terms.silenceSeconds)
  }

  protected sendHead(status: number, headers: Readonly<Record<string, string>>): void {
    if (this.#headSent) return
    this.#headSent = true
    this.#terms.onHead()
    this.client.head(status, { ...headers, ...this.#terms.timing() })
  }

  /** Passes bytes on as fast as the client takes them. */
  protected write(bytes: Uint8Array): void {
    this.#passed += bytes.length
    if (this.client.write(bytes)) return
    this.#isPaused = true
    this.#wasPaused = true
    this.#call?.pause()
    this.#watch.expect(STALLED_CLIENT_SECONDS)
  }

  protected fail(how: How | Failure): void {
    if (this.#done) return
    this.#call?.abort()
    if (this.#headSent) this.breakOff(how)
    this.finish(
      this.#headSent ? { kind: 'lost', how, bytes: this.#passed } : { kind: 'failed', how },
    )
  }

  protected finish(outcome: Answered | Unanswered<How | Failure>): void {
    this.#done = true
    this.#watch.stop()
    this.#whole.stop()
    this.#ended.resolve(outcome)
  }

  /** Nothing moved for too long: who was to move is who has failed. */
  #expire(): void {
    if (this.#isPaused) this.#drop()
    else this.fail('timeout')
  }

  /** The answer took longer than any may: no fault of a runner that had to wait for its client. */
  #outlast(): void {
    if (this.#wasPaused) this.#drop()
    else this.fail('timeout')
  }

  /** A client that does not take its answer has left, whatever its connection says. */
  #drop(): void {
    this.#leave()
    this.client.fail()
  }

  #leave(): void {
    if (this.#done) return
    this.#call?.abort()
    this.finish({ kind: 'gone', sent: this.#call !== undefined })
  }
}
