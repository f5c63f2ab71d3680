import type { Clock } from '#base/brand.ts'
import { parseTon } from '#base/nano.ts'
import { type GatewayConfig, isLocalUrl } from '../config.ts'
import type { Job } from '../jobs.ts'
import type { Ledger } from '../ledger/port.ts'
import type { Chain } from '../money/chain.ts'
import { createWatcher } from '../money/watch-deposits.ts'
import type { SqliteStore } from './open-sqlite.ts'

/** On one provider's word: no single credit above it, and all together below `TOTAL` (M11). */
const ALONE = parseTon('1000')
const TOTAL = parseTon('100000')
/** A local chain answers at once; a public provider counts calls. */
const WATCH_MS = { local: 250, remote: 5_000 }
const RECONCILE_MS = 24 * 3_600_000

export interface MoneyJobsDeps {
  readonly config: GatewayConfig
  readonly chain: Chain
  readonly ledger: Ledger
  readonly store: SqliteStore
  readonly clock: Clock
}

/** The jobs that a gateway with a Till has: deposits in, nothing missed at night. */
export function createMoneyJobs(deps: MoneyJobsDeps): readonly Job[] {
  const { config, chain, ledger, store, clock } = deps
  const { till, endpoint } = config.chain
  if (till === undefined) return []
  const watcher = createWatcher({
    till,
    chain,
    witnesses: [],
    limits: { alone: ALONE, total: TOTAL },
    ledger,
    store,
    clock,
  })
  return [
    {
      name: 'deposits',
      everyMs: isLocalUrl(endpoint) ? WATCH_MS.local : WATCH_MS.remote,
      run: async () => {
        await watcher.tick()
      },
    },
    { name: 'reconcile', everyMs: RECONCILE_MS, run: () => watcher.reconcile() },
  ]
}
