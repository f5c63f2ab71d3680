import type { Clock, UnixMs } from '#base/brand.ts'
import { toSeconds, unixMs } from '#base/brand.ts'
import { base64, utf8 } from '#base/bytes.ts'
import type { Hashes, MacKey } from '#protocol'
import type { DueWebhook, Ledger } from '../ledger/port.ts'
import type { Log } from '../log.ts'
import type { Upstream } from '../relay/ports.ts'
import type { Watchdog } from '../relay/watchdog.ts'
import { webhookSecret } from './webhook-secret.ts'

/** Deliveries of one turn of the job. */
const MAX_AT_ONCE = 20
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

/**
 * Tells accounts that their balance fell below their threshold, once for each fall, with bounded retries.
 * The request holds ids and amounts, and is signed as Standard Webhooks has it.
 */
export async function tellWebhooks(deps: WebhookDeps): Promise<void> {
  const at = deps.clock()
  const [{ due }] = await deps.ledger.commit([{ op: 'due_webhooks', at, limit: MAX_AT_ONCE }])
  await Promise.all(due.map((webhook) => tell(deps, webhook)))
}

async function tell(deps: WebhookDeps, webhook: DueWebhook): Promise<void> {
  const { account, event, attempts } = webhook
  const delivered = await deliver(deps, webhook)
  const wait = RETRY_SECONDS[attempts]
  const next: UnixMs | null =
    delivered || wait === undefined ? null : unixMs(deps.clock() + wait * 1000)
  if (!delivered) deps.log('info', 'webhook not delivered', { account, attempt: attempts + 1 })
  await deps.ledger.commit([{ op: 'note_webhook', account, event, delivered, next }])
}

/** @returns whether the other side took it (2xx); what it answers is not read */
function deliver(deps: WebhookDeps, webhook: DueWebhook): Promise<boolean> {
  const url = new URL(webhook.url)
  const body = utf8(JSON.stringify(bodyOf(webhook)))
  return new Promise((resolve) => {
    const end = (delivered: boolean) => {
      watch.stop()
      resolve(delivered)
    }
    const watch = deps.watchdog.watch(TIMEOUT_TICKS, () => {
      call.abort()
      resolve(false)
    })
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
