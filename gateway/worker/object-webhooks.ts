import { type UnixMs, unixMs } from '#base/brand.ts'
import { createWebhookTeller } from '../accounts/webhook-teller.ts'
import { webhookSecrets } from '../compose/platform.ts'
import type { Store } from '../db/db.ts'
import { numberIn } from '../db/row.ts'
import type { Ledger } from '../ledger/port.ts'
import { createWatchdog, TICK_MS } from '../relay/watchdog.ts'
import { fetchUpstream } from './fetch-upstream.ts'
import type { WorkerHost } from './host.ts'
import { openWorkerPlatform } from './worker-platform.ts'

/** What one account's own ledger tells its webhook. */
export interface ObjectWebhooks {
  /** Delivers what is due; a receiver that hangs ends it after seconds. @returns when to try again; null: nothing waits */
  tell(): Promise<UnixMs | null>
}

export function objectWebhooks(
  host: WorkerHost,
  env: Cloudflare.Env,
  { store, ledger }: { readonly store: Store; readonly ledger: Ledger },
): ObjectWebhooks {
  const any = store.prepare('SELECT 1 FROM webhooks LIMIT 1')
  const next = store.prepare("SELECT MIN(next_at) FROM webhooks WHERE state = 'due'")

  async function deliver(): Promise<void> {
    const platform = openWorkerPlatform(host, env)
    const { provider, clock, log } = platform
    const { hashes } = provider
    const watchdog = createWatchdog()
    const tick = setInterval(() => watchdog.tick(), TICK_MS)
    try {
      const teller = createWebhookTeller({
        ledger,
        hashes,
        secrets: webhookSecrets(platform),
        upstream: fetchUpstream(host.fetch),
        watchdog,
        clock,
        log,
      })
      await teller.tell()
      await teller.settled()
    } finally {
      clearInterval(tick)
    }
  }

  return {
    async tell() {
      // Most accounts have none, and need no settings read.
      if (any.get() === undefined) return null
      await deliver()
      const [at] = next.get() ?? []
      return at == null ? null : unixMs(numberIn(at))
    },
  }
}
