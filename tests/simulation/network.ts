import type {
  Call,
  Client,
  ClientEvents,
  Incoming,
  OutgoingRequest,
  Upstream,
} from '#gateway/relay/ports.ts'
import type { Dice } from './dice.ts'
import { Answer, type Part, type RunnerModel } from './runner-model.ts'

/** One request on its way to a runner, and its answer on the way back. */
interface Wire {
  readonly request: OutgoingRequest
  readonly incoming: Incoming
  answer: Answer | undefined
  refused: Part[] | undefined
  /** The gateway hung up, or is no more. */
  isCut: boolean
  isPaused: boolean
}

/** Everything between gateway and runners: in any order between requests, in order within one, at any time or never. */
export class Network {
  #wires: Wire[] = []
  readonly #dice: Dice
  readonly #runnerAt: (url: string) => RunnerModel | undefined
  /** Requests that are delivered a second time: what somebody on the way recorded. */
  #recorded: { readonly request: OutgoingRequest; readonly runner: RunnerModel }[] = []

  constructor(dice: Dice, runnerAt: (url: string) => RunnerModel | undefined) {
    this.#dice = dice
    this.#runnerAt = runnerAt
  }

  readonly upstream: Upstream = {
    send: (request, incoming): Call => {
      const wire: Wire = {
        request,
        incoming,
        answer: undefined,
        refused: undefined,
        isCut: false,
        isPaused: false,
      }
      this.#wires.push(wire)
      return {
        pause: () => {
          wire.isPaused = true
        },
        resume: () => {
          wire.isPaused = false
        },
        abort: () => {
          wire.isCut = true
        },
      }
    },
  }

  /** Every connection of a dead process breaks. */
  cutAll(): void {
    for (const wire of this.#wires) wire.isCut = true
  }

  get size(): number {
    return this.#wires.length
  }

  /** One thing arrives somewhere. */
  async advance(): Promise<void> {
    const wire = this.#dice.maybe(this.#wires)
    if (wire === undefined) return
    if (wire.isCut) {
      this.#drop(wire)
      // A runner that had begun notices.
      wire.answer?.abort()
      return
    }
    if (wire.isPaused) return
    if (wire.answer === undefined && wire.refused === undefined) await this.#arrive(wire)
    else this.#deliver(wire)
  }

  async #arrive(wire: Wire): Promise<void> {
    const { target } = wire.request
    const runner = target.kind === 'direct' ? this.#runnerAt(target.url) : undefined
    if (runner === undefined || this.#dice.chance(0.01)) {
      this.#drop(wire)
      wire.incoming.broken('refused')
      return
    }
    this.#recorded.push({ request: wire.request, runner })
    if (this.#recorded.length > 50) this.#recorded.shift()
    const taken = await runner.take(wire.request)
    if (taken instanceof Answer) wire.answer = taken
    else wire.refused = [...taken.refused]
  }

  #deliver(wire: Wire): void {
    const part = wire.answer?.next() ?? wire.refused?.shift() ?? { kind: 'end' }
    const { incoming } = wire
    if (part.kind === 'head') {
      const { headers } = part
      incoming.head(part.status, (name) => headers[name])
    } else if (part.kind === 'data') incoming.data(part.bytes)
    else {
      this.#drop(wire)
      if (part.kind === 'end') incoming.end()
      else incoming.broken('broken')
    }
  }

  #drop(wire: Wire): void {
    this.#wires = this.#wires.filter((other) => other !== wire)
  }

  /** Somebody on the way sends what it recorded once more. */
  async replay(): Promise<void> {
    const recorded = this.#dice.maybe(this.#recorded)
    if (recorded === undefined) return
    const taken = await recorded.runner.take(recorded.request)
    if (taken instanceof Answer) taken.abort()
  }
}

const TAIL = 400

/** A developer's client, patient or not. */
export class ClientModel implements Client {
  gone = false
  started = false
  status = 0
  /** What it got of the answer, without the words that end a lost one. */
  bytes = 0
  /** The end of what it got. */
  tail = ''
  isOver = false
  id: string | undefined
  #events: ClientEvents | undefined
  #isFull = false
  readonly #dice: Dice
  readonly #onEnd: (client: ClientModel) => void

  constructor(dice: Dice, onEnd: (client: ClientModel) => void) {
    this.#dice = dice
    this.#onEnd = onEnd
  }

  head(status: number, headers: Readonly<Record<string, string>>): void {
    this.started = true
    this.status = status
    this.id = headers['x-request-id']
  }

  write(bytes: Uint8Array): boolean {
    this.#take(bytes)
    this.#isFull = this.#dice.chance(0.05)
    return !this.#isFull
  }

  end(bytes?: Uint8Array): void {
    if (bytes !== undefined) this.#see(bytes)
    this.#finish()
  }

  fail(): void {
    this.#finish()
  }

  listen(events: ClientEvents): void {
    this.#events = events
  }

  /** Its buffers are empty again. */
  drain(): void {
    if (!this.#isFull) return
    this.#isFull = false
    this.#events?.drain()
  }

  leave(): void {
    if (this.isOver) return
    this.gone = true
    this.#events?.gone()
    this.#finish()
  }

  #take(bytes: Uint8Array): void {
    this.bytes += bytes.length
    this.#see(bytes)
  }

  #see(bytes: Uint8Array): void {
    this.tail = (this.tail + Buffer.from(bytes).toString()).slice(-TAIL)
  }

  #finish(): void {
    if (this.isOver) return
    this.isOver = true
    this.#onEnd(this)
  }
}
