import type { Clock } from '#base/brand.ts'
import type { AccountId } from '../db/ids.ts'
import { ApiError } from '../errors.ts'
import type { Client } from '../relay/ports.ts'
import { createFairQueue, type FairQueue } from './fair-queue.ts'
import { type RoomLimits, sharesOf, whoMakesRoom } from './make-room.ts'
import { createSecondChoices } from './second-choices.ts'

/**
 * Requests for which every runner is busy wait here, in bounded number and for a bounded time. Nothing is held in the
 * ledger meanwhile, and nothing is sent: a status can still be given.
 */
export interface WaitingRoom {
  /**
   * @param take a place, if there is one now; called again whenever one may have become free
   * @throws ApiError `overloaded`, `rate_limit_exceeded`, `shutting_down`; `invalid_request` when the client left
   */
  wait<T>(guest: Guest, take: () => T | undefined): Promise<T>
  /** A place for the model has become free. */
  wake(model: string): void
  /** Advances time by a second: deadlines, and runners that came back. */
  tick(): void
  /** Nobody waits any more. */
  close(): void
  readonly size: number
}

export interface Guest {
  /** Its first choice names the line that it stands in. */
  readonly models: readonly [string, ...string[]]
  readonly account: AccountId
  readonly client: Client
  /** What it keeps in memory. */
  readonly bytes: number
}

export interface WaitingRoomLimits extends RoomLimits {
  /** In ticks, which are seconds. */
  readonly seconds: number
}

interface Waiting extends Guest {
  readonly until: number
  /** Takes a place if there is one. */
  readonly tryNow: () => boolean
  readonly refuse: (error: ApiError) => void
}

interface Line {
  readonly queue: FairQueue<Waiting>
  /** Decaying mean of the time between two places, ms. */
  paceMs: number
  servedAt: number
}

const NEWEST = 0.2
const UNKNOWN_PACE_MS = 1_000
const MAX_RETRY_SECONDS = 60

export function createWaitingRoom(limits: WaitingRoomLimits, clock: Clock): WaitingRoom {
  // One line for each model, so that a free place is offered to those whom it can serve.
  const lines = new Map<string, Line>()
  const seconds = createSecondChoices<Waiting>()
  let now = 0
  let isClosed = false
  const sum = (of: (queue: FairQueue<Waiting>) => number): number => {
    let total = 0
    for (const { queue } of lines.values()) total += of(queue)
    return total
  }

  function lineOf(model: string): Line {
    const known = lines.get(model)
    if (known !== undefined) return known
    const made = { queue: createFairQueue<Waiting>(), paceMs: UNKNOWN_PACE_MS, servedAt: clock() }
    lines.set(model, made)
    return made
  }

  function leave(entry: Waiting): void {
    const [model] = entry.models
    const line = lines.get(model)
    line?.queue.remove(entry)
    seconds.remove(entry)
    if (line?.queue.size === 0) lines.delete(model)
  }

  const everybody = (): Waiting[] => [...lines.values()].flatMap(({ queue }) => [...queue.all()])

  function makeRoom(line: Line, guest: Guest): void {
    const isFull = (): boolean =>
      sum(({ size }) => size) >= limits.requests ||
      sum(({ bytes }) => bytes) + guest.bytes > limits.bytes
    while (isFull()) {
      const waiting = everybody()
      const shares = sharesOf(waiting, limits)
      const evicted = whoMakesRoom(waiting, guest, { shares, limits })
      if (evicted === undefined) throw full(line, guest, shares)
      const itsLine = lineOf(evicted.models[0])
      leave(evicted)
      evicted.refuse(full(itsLine, evicted, shares))
    }
  }

  function offer(line: Line, model: string): void {
    while (line.queue.offer((entry) => entry.tryNow()) !== undefined) {
      const at = clock()
      line.paceMs += NEWEST * (at - line.servedAt - line.paceMs)
      line.servedAt = at
    }
    if (line.queue.size === 0) lines.delete(model)
  }

  return {
    get size() {
      return sum(({ size }) => size)
    },
    wait(guest, take) {
      return new Promise((resolve, reject) => {
        if (isClosed) throw closing()
        const line = lineOf(guest.models[0])
        makeRoom(line, guest)
        const entry: Waiting = {
          ...guest,
          until: now + limits.seconds,
          tryNow: () => {
            const place = take()
            if (place === undefined) return false
            seconds.remove(entry)
            resolve(place)
            return true
          },
          refuse: reject,
        }
        guest.client.listen({
          drain: () => {},
          gone: () => {
            leave(entry)
            reject(new ApiError('invalid_request', 'the client left while it waited'))
          },
        })
        // The line may have become empty, and so forgotten, while room was made.
        lines.set(guest.models[0], line)
        if (guest.client.gone) {
          reject(new ApiError('invalid_request', 'the client left before it waited'))
          return
        }
        line.queue.add(entry)
        seconds.add(entry)
      })
    },
    wake(model) {
      const line = lines.get(model)
      if (line !== undefined) offer(line, model)
      for (const entry of seconds.of(model)) if (entry.tryNow()) leave(entry)
    },
    tick() {
      now++
      for (const [model, line] of [...lines]) {
        offer(line, model)
        for (const entry of line.queue.all()) {
          if (entry.until > now) continue
          const error = overdue(line)
          leave(entry)
          entry.refuse(error)
        }
      }
    },
    close() {
      isClosed = true
      for (const { queue } of [...lines.values()]) {
        for (const entry of queue.all()) {
          leave(entry)
          entry.refuse(closing())
        }
      }
    },
  }
}

/** When it is likely that everybody who waits now has been served. */
function retryAfter({ queue, paceMs }: Line): Readonly<Record<string, string>> {
  const seconds = Math.ceil((queue.size * paceMs) / 1000)
  return { 'retry-after': String(Math.min(MAX_RETRY_SECONDS, Math.max(1, seconds))) }
}

/** 429 to an account that has more than its share of the places, 503 to one that has not. */
function full(line: Line, { account }: Guest, shares: ReadonlyMap<string, number>): ApiError {
  const own = shares.get(account) ?? 0
  const headers = retryAfter(line)
  return own > 0 && own * shares.size >= 1
    ? new ApiError('rate_limit_exceeded', 'Too many requests of this account wait for a runner', {
        headers,
      })
    : new ApiError('overloaded', 'Every runner of this model is busy and too many requests wait', {
        headers,
      })
}

function overdue(line: Line): ApiError {
  return new ApiError('overloaded', 'Every runner of this model stayed busy', {
    headers: retryAfter(line),
  })
}

function closing(): ApiError {
  return new ApiError('shutting_down', 'This gateway is shutting down', {
    headers: { connection: 'close' },
  })
}
