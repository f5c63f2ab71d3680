import { HEADER } from '#protocol'
import { Attempt, type Failure, type Unanswered } from './attempt.ts'
import type { Client, OutgoingRequest, ReadHeader, Upstream } from './ports.ts'
import { relayedHeaders } from './relayed-headers.ts'
import type { Watchdog } from './watchdog.ts'

/** One body that only the runner and its client can read. */
export interface SealedAttempt {
  readonly request: OutgoingRequest
  readonly client: Client
  /** The gateway's own headers of the answer. */
  readonly headers: Readonly<Record<string, string>>
  /** Most bytes of the answer. */
  readonly maxBytes: number
  readonly timing: () => Readonly<Record<string, string>>
  readonly onHead: () => void
}

export type SealedOutcome = Answered | Unanswered<SealedFailure>

/** Passed on to the end. `sealed`: the runner opened the request, so a receipt will come. */
interface Answered {
  readonly kind: 'answered'
  readonly status: number
  readonly sealed: boolean
  readonly bytes: number
}

export type SealedFailure = Failure | 'misbehaved'

const SILENCE_SECONDS = 120

/** Passes a sealed answer on untouched: wire bytes, an allowlist of headers, nothing else (H14). */
export function runSealedAttempt(
  { upstream, watchdog }: { readonly upstream: Upstream; readonly watchdog: Watchdog },
  attempt: SealedAttempt,
): Promise<SealedOutcome> {
  return new SealedRelay(watchdog, attempt).run(upstream, attempt.request)
}

class SealedRelay extends Attempt<Answered, SealedFailure> {
  readonly #headers: Readonly<Record<string, string>>
  #status = 0
  #sealed = false

  constructor(watchdog: Watchdog, attempt: SealedAttempt) {
    const { client, headers, maxBytes: bytes, timing, onHead } = attempt
    super(watchdog, client, { silenceSeconds: SILENCE_SECONDS, bytes, timing, onHead })
    this.#headers = headers
  }

  head(status: number, header: ReadHeader): void {
    const headers = relayedHeaders(status, header)
    if (headers === undefined) {
      this.fail('misbehaved')
      return
    }
    this.#status = status
    this.#sealed = header(HEADER.responseNonce) !== undefined
    this.begun()
    this.sendHead(status, { ...headers, ...this.#headers })
  }

  protected take(chunk: Uint8Array): void {
    this.write(chunk)
  }

  protected complete(): void {
    this.client.end()
    const status = this.#status
    this.finish({ kind: 'answered', status, sealed: this.#sealed, bytes: this.passed })
  }

  protected breakOff(): void {
    this.client.fail()
  }
}
