import type { Hono } from 'hono'
import type { AppDeps } from '../deps.ts'
import type { AppEnv } from '../http/env.ts'
import type { ProviderHealth } from '../money/chain-health.ts'
import type { MoneyStatus } from '../money/money-watch.ts'

/** How the chain's providers and the sources of rates fare. The caller has let the operator in. */
export function addHealthRoutes(app: Hono<AppEnv>, deps: AppDeps): void {
  app.get('/admin/chain', async (context) => {
    const providers = await deps.chainHealth.look()
    const { watch, agreement } = await deps.moneyStatus()
    return context.json({
      providers: providers.map(providerView),
      /** Of the last account that several of them were asked about. */
      agreement: agreement && { agree: agreement.agree, at: seconds(agreement.at) },
      watcher: watchView(watch),
    })
  })

  app.get('/admin/rates', async (context) => {
    const { rates } = deps
    const rate = await rates.read()
    const now = deps.runners.clock()
    return context.json({
      ticker: rates.ticker,
      rate: rate && {
        usd: rate.usd,
        source: rate.source,
        at: seconds(rate.at),
        age_seconds: Math.floor((now - rate.at) / 1000),
      },
      sources: rates.sources().map(({ name, usd, at }) => ({ name, usd, at: seconds(at) })),
    })
  })
}

function providerView({ host, role, at, seqno, syncedAt, code }: ProviderHealth) {
  const asked = seconds(at)
  const lag = syncedAt === null ? null : Math.max(0, asked - syncedAt)
  return { host, role, at: asked, seqno, lag_seconds: lag, error: code }
}

/** The watcher of the Till; null where it runs elsewhere or has not run yet. */
function watchView(watch: MoneyStatus['watch']) {
  if (watch === null) return null
  const { seqno, at, failed } = watch
  return {
    seqno,
    at: at === null ? null : seconds(at),
    last_error: failed && { code: failed.code, at: seconds(failed.at) },
  }
}

function seconds(ms: number): number {
  return Math.floor(ms / 1000)
}
