import { HEADER } from '#protocol'
import type {
  Breakage,
  Call,
  Client,
  Incoming,
  OutgoingRequest,
  ReadHeader,
  Upstream,
} from './ports.ts'
import { relayedHeaders } from './relayed-headers.ts'
import type { Watch, Watchdog } from './watchdog.ts'

/** One body that only the runner and its client can read. */
export interface SealedAttempt {
  readonly request: OutgoingRequest
  readonly client: Client
  /** The gateway's own headers of the answer. */
  readonly headers: Readonly<Record<string, string>>
}

export type SealedOutcome =
  /** Passed on to the end. `sealed`: the runner opened the request, so a receipt will come. */
  | { readonly kind: 'answered'; readonly status: number; readonly sealed: boolean }
  /** Nothing was passed on. */
  | { readonly kind: 'failed'; readonly how: SealedFailure }
  /** Broken off in the middle. */
  | { readonly kind: 'lost'; readonly how: SealedFailure }
  /** The client left. `sent`: the runner had been asked, so that a receipt may come. */
  | { readonly kind: 'gone'; readonly sent: boolean }

export type SealedFailure = Breakage | 'timeout' | 'misbehaved'

const FIRST_BYTE_SECONDS = 600
const SILENCE_SECONDS = 120
const STALLED_CLIENT_SECONDS = 120

/** Passes a sealed answer on untouched: wire bytes, an allowlist of headers, nothing else (H14). */
export function runSealedAttempt(
  ports: { readonly upstream: Upstream; readonly watchdog: Watchdog },
  attempt: SealedAttempt,
): Promise<SealedOutcome> {
  return new Promise((resolve) => {
    new Relay(ports, attempt, resolve).start(ports.upstream)
  })
}

class Relay implements Incoming {
  readonly #attempt: SealedAttempt
  readonly #client: Client
  readonly #watch: Watch
  readonly #resolve: (outcome: SealedOutcome) => void
  #call: Call | undefined
  #status = 0
  #sealed = false
  #headSent = false
  #done = false

  constructor(
    ports: { readonly watchdog: Watchdog },
    attempt: SealedAttempt,
    resolve: (outcome: SealedOutcome) => void,
  ) {
    this.#attempt = attempt
    this.#client = attempt.client
    this.#resolve = resolve
    this.#watch = ports.watchdog.watch(FIRST_BYTE_SECONDS, () => this.#fail('timeout'))
  }

  start(upstream: Upstream): void {
    this.#client.listen({
      drain: () => {
        this.#watch.expect(SILENCE_SECONDS)
        this.#call?.resume()
      },
      gone: () => {
        if (this.#done) return
        this.#call?.abort()
        this.#finish({ kind: 'gone', sent: this.#call !== undefined })
      },
    })
    if (this.#client.gone) this.#finish({ kind: 'gone', sent: false })
    else this.#call = upstream.send(this.#attempt.request, this)
  }

  head(status: number, header: ReadHeader): void {
    const headers = relayedHeaders(status, header)
    if (headers === undefined) {
      this.#fail('misbehaved')
      return
    }
    this.#status = status
    this.#sealed = header(HEADER.responseNonce) !== undefined
    this.#headSent = true
    this.#watch.expect(SILENCE_SECONDS)
    this.#client.head(status, { ...headers, ...this.#attempt.headers })
  }

  data(chunk: Uint8Array): void {
    if (this.#done) return
    this.#watch.alive()
    if (this.#client.write(chunk)) return
    this.#call?.pause()
    this.#watch.expect(STALLED_CLIENT_SECONDS)
  }

  end(): void {
    if (this.#done) return
    this.#client.end()
    this.#finish({ kind: 'answered', status: this.#status, sealed: this.#sealed })
  }

  broken(how: Breakage): void {
    this.#fail(how)
  }

  #fail(how: SealedFailure): void {
    if (this.#done) return
    this.#call?.abort()
    if (this.#headSent) this.#client.fail()
    this.#finish({ kind: this.#headSent ? 'lost' : 'failed', how })
  }

  #finish(outcome: SealedOutcome): void {
    this.#done = true
    this.#watch.stop()
    this.#resolve(outcome)
  }
}
