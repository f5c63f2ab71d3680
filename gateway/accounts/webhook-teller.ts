import type { Clock, UnixMs } from '#base/brand.ts'
import { toSeconds, unixMs } from '#base/brand.ts'
import { base64, utf8 } from '#base/bytes.ts'
import type { Hashes, MacKey } from '#protocol'
import type { DueWebhook, Ledger } from '../ledger/port.ts'
import { codeOf, type Log } from '../log.ts'
import type { Upstream } from '../relay/ports.ts'
import type { Watchdog } from '../relay/watchdog.ts'
import { webhookSecret } from './webhook-secret.ts'

/** Receivers that are waited for at the same time. */
const MAX_AT_ONCE = 40
/** Of them at one origin: one that hangs, for however many accounts, holds up its own. */
const MAX_AT_ONE_ORIGIN = 5
/** Ticks, which are seconds. */
const TIMEOUT_TICKS = 10
/** Waits after a failed attempt; after the last one the event is given up. */
const RETRY_SECONDS = [10, 60, 300, 1_800, 7_200, 21_600] as const

export interface WebhookDeps {
  readonly ledger: Ledger
  readonly hashes: Pick<Hashes, 'macKey'>
  /** Derives each account's signing secret. */
  readonly secrets: MacKey
  readonly upstream: Upstream
  readonly watchdog: Watchdog
  readonly clock: Clock
  readonly log: Log
}

export interface WebhookTeller {
  /** Begins what is due, as far as there is room; what ends makes room for the next. */
  tell(): Promise<void>
  /** Resolves when what is under way now has ended. */
  settled(): Promise<void>
  /** Gives up what is under way: it is told again later. */
  close(): Promise<void>
}

interface Flight {
  readonly origin: string
  readonly abort: () => void
  /** Never rejects. */
  readonly ended: Promise<void>
}

/**
 * Tells accounts that their balance fell below their threshold, once for each fall, with bounded retries.
 * The request holds ids and amounts, and is signed as Standard Webhooks has it.
 */
export function createWebhookTeller(deps: WebhookDeps): WebhookTeller {
  const flights = new Map<string, Flight>()
  const settled = async () => void (await Promise.all(endings(flights)))
  let [isClosed, isBusy, isAsked] = [false, false, false]

  /** One at a time: who comes meanwhile has it done once more. */
  async function fill(): Promise<void> {
    isAsked = true
    if (isBusy) return
    isBusy = true
    try {
      while (isAsked && !isClosed) {
        isAsked = false
        // What was begun may have filled an origin, behind which others wait.
        if (await beginDue()) isAsked = true
      }
    } finally {
      isBusy = false
    }
  }

  /** @returns whether anything was begun */
  async function beginDue(): Promise<boolean> {
    if (flights.size >= MAX_AT_ONCE) return false
    const [at, except] = [deps.clock(), busyOrigins(flights)]
    // What is under way is due still.
    const limit = MAX_AT_ONCE + flights.size
    const [{ due }] = await deps.ledger.commit([{ op: 'due_webhooks', at, limit, except }])
    let count = 0
    for (const webhook of due) {
      if (isClosed || !hasRoom(flights, webhook)) continue
      begin(webhook)
      count++
    }
    return count > 0
  }

  function begin(webhook: DueWebhook): void {
    const { account, event } = webhook
    const failed = (error: unknown) =>
      deps.log('warn', 'webhook not noted', { account, code: codeOf(error) })
    const abort = new AbortController()
    const ended = attempt(deps, webhook, abort.signal)
      .catch(failed)
      .finally(() => {
        flights.delete(event)
        fill().catch(failed)
      })
    flights.set(event, { origin: originOf(webhook), abort: () => abort.abort(), ended })
  }

  return {
    tell: fill,
    settled,
    async close() {
      isClosed = true
      for (const { abort } of flights.values()) abort()
      await settled()
    },
  }
}

type Flights = ReadonlyMap<string, Flight>

function endings(flights: Flights): readonly Promise<void>[] {
  return [...flights.values()].map(({ ended }) => ended)
}

function originOf({ url }: DueWebhook): string {
  return new URL(url).origin
}

function countAt(flights: Flights, origin: string): number {
  return [...flights.values()].filter((flight) => flight.origin === origin).length
}

function hasRoom(flights: Flights, webhook: DueWebhook): boolean {
  const isBegun = flights.has(webhook.event)
  const isFull = flights.size >= MAX_AT_ONCE
  return !isBegun && !isFull && countAt(flights, originOf(webhook)) < MAX_AT_ONE_ORIGIN
}

function busyOrigins(flights: Flights): readonly string[] {
  const origins = new Set([...flights.values()].map(({ origin }) => origin))
  return [...origins].filter((origin) => countAt(flights, origin) >= MAX_AT_ONE_ORIGIN)
}

async function attempt(deps: WebhookDeps, webhook: DueWebhook, given: AbortSignal): Promise<void> {
  const { account, event, attempts } = webhook
  const delivered = await deliver(deps, webhook, given)
  const wait = RETRY_SECONDS[attempts]
  const next: UnixMs | null =
    delivered || wait === undefined ? null : unixMs(deps.clock() + wait * 1000)
  if (!delivered) deps.log('info', 'webhook not delivered', { account, attempt: attempts + 1 })
  await deps.ledger.commit([{ op: 'note_webhook', account, event, delivered, next }])
}

/** @returns whether the other side took it (2xx); what it answers is not read */
function deliver(deps: WebhookDeps, webhook: DueWebhook, given: AbortSignal): Promise<boolean> {
  const url = new URL(webhook.url)
  const body = utf8(JSON.stringify(bodyOf(webhook)))
  return new Promise((resolve) => {
    const end = (delivered: boolean) => {
      watch.stop()
      given.removeEventListener('abort', giveUp)
      resolve(delivered)
    }
    const giveUp = () => {
      call.abort()
      end(false)
    }
    const watch = deps.watchdog.watch(TIMEOUT_TICKS, giveUp)
    given.addEventListener('abort', giveUp)
    const call = deps.upstream.send(
      {
        target: { kind: 'direct', url: url.origin, pins: [] },
        method: 'POST',
        path: url.pathname + url.search,
        headers: headersOf(deps, webhook, body),
        body,
      },
      {
        head: (status) => {
          call.abort()
          end(status >= 200 && status < 300)
        },
        data: () => {},
        end: () => {},
        broken: () => end(false),
      },
    )
  })
}

function bodyOf({ account, event, available, threshold, since }: DueWebhook) {
  return {
    type: 'balance.low',
    timestamp: new Date(since).toISOString(),
    data: {
      id: event,
      account,
      available: available.toString(),
      threshold: threshold.toString(),
    },
  }
}

/** @see https://www.standardwebhooks.com */
function headersOf(deps: WebhookDeps, webhook: DueWebhook, body: Uint8Array) {
  const { account, secretId, event } = webhook
  const { bytes } = webhookSecret(deps.secrets, account, secretId)
  const time = String(toSeconds(deps.clock()))
  const tag = deps.hashes.macKey(bytes).mac(utf8(`${event}.${time}.`), body)
  return {
    'content-type': 'application/json',
    'user-agent': 'cocoon-gateway',
    'webhook-id': event,
    'webhook-timestamp': time,
    'webhook-signature': `v1,${base64(tag)}`,
  }
}
