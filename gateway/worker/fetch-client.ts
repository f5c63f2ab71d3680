import type { ArrivedClient } from '../inference/serve-exchange.ts'
import type { ClientEvents } from '../relay/ports.ts'

/** Bytes that may wait for a client before its runner is held back. */
const WAITING_BYTES = 64 * 1024
const NOBODY: ClientEvents = { drain: () => {}, gone: () => {} }
/** Statuses whose answers have no body. */
const EMPTY: ReadonlySet<number> = new Set([204, 304])

/**
 * The client's side of a request over a Fetch response.
 * @param held what the last bytes of an answer wait for: who has its answer sees what it cost
 */
export class FetchClient implements ArrivedClient {
  /** The answer, once its status is known. */
  readonly response: Promise<Response>
  readonly #held: () => Promise<void>
  #resolve: (response: Response) => void = () => {}
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined
  #events = NOBODY
  #gone = false
  #started = false

  constructor(signal: AbortSignal, held: () => Promise<void>) {
    this.#held = held
    this.response = new Promise((resolve) => {
      this.#resolve = resolve
    })
    signal.addEventListener('abort', () => this.#leave())
  }

  get gone(): boolean {
    return this.#gone
  }

  get started(): boolean {
    return this.#started
  }

  head(status: number, headers: Readonly<Record<string, string>>): void {
    this.#started = true
    const body = EMPTY.has(status) ? null : this.#open()
    this.#resolve(new Response(body, { status, headers }))
  }

  #open(): ReadableStream<Uint8Array> {
    return new ReadableStream(
      {
        start: (controller) => {
          this.#controller = controller
        },
        pull: () => this.#events.drain(),
        cancel: () => this.#leave(),
      },
      { highWaterMark: WAITING_BYTES, size: (bytes) => bytes.length },
    )
  }

  write(bytes: Uint8Array): boolean {
    const controller = this.#controller
    if (controller === undefined || this.#gone) return true
    controller.enqueue(bytes)
    return (controller.desiredSize ?? 0) > 0
  }

  end(bytes?: Uint8Array): void {
    void this.#held().then(() => {
      if (this.#gone) return
      if (bytes !== undefined && bytes.length > 0) this.#controller?.enqueue(bytes)
      this.#controller?.close()
    })
  }

  fail(): void {
    if (!this.#gone) this.#controller?.error(new TypeError('the answer was broken off'))
  }

  listen(events: ClientEvents): void {
    this.#events = events
  }

  #leave(): void {
    if (this.#gone) return
    this.#gone = true
    this.#events.gone()
  }
}
