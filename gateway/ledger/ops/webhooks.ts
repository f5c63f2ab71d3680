import type { UnixMs } from '#base/brand.ts'
import type { Nano } from '#base/nano.ts'
import type { AccountId } from '../../db/ids.ts'
import type { Ok, Refused } from './common.ts'

/** Where an account wants to be told that what it may spend fell below a threshold. */
export interface Webhook {
  readonly url: string
  /** Names the signing secret, which is derived from it and stored nowhere. */
  readonly secretId: string
  readonly threshold: Nano
  /** `armed`; `due`: an event waits to be delivered; `told` and `failed` arm again once the balance is above. */
  readonly state: 'armed' | 'due' | 'told' | 'failed'
}

/** Null takes it away. */
export interface SetWebhook {
  readonly op: 'set_webhook'
  readonly account: AccountId
  readonly webhook: Pick<Webhook, 'url' | 'secretId' | 'threshold'> | null
  readonly at: UnixMs
}
export type SetWebhookResult = Ok | Refused<'unknown_account'>

export interface ReadWebhook {
  readonly op: 'read_webhook'
  readonly account: AccountId
}
export type ReadWebhookResult = { readonly ok: true; readonly webhook: Webhook | null }

/** Looks which balances fell or rose, and lists the events that are to be delivered now, those that wait longest first. Of a whole store. */
export interface DueWebhooks {
  readonly op: 'due_webhooks'
  readonly at: UnixMs
  readonly limit: number
  /** Origins that have enough to do: nothing for them is listed. */
  readonly except?: readonly string[]
}
export interface DueWebhook {
  readonly account: AccountId
  readonly url: string
  readonly secretId: string
  readonly threshold: Nano
  /** Names the event, the same in every attempt. */
  readonly event: string
  /** What was available when it fell. */
  readonly available: Nano
  readonly since: UnixMs
  /** Attempts so far. */
  readonly attempts: number
}
export type DueWebhooksResult = { readonly ok: true; readonly due: readonly DueWebhook[] }

/** How an attempt ended. `next`: when to try again; null: never. */
export interface NoteWebhook {
  readonly op: 'note_webhook'
  readonly account: AccountId
  readonly event: string
  readonly delivered: boolean
  readonly next: UnixMs | null
}
