import type { Clock } from '#base/brand.ts'
import { type Bytes, concat } from '#base/bytes.ts'
import { parseTon } from '#base/nano.ts'
import { webSha256 } from '#contracts'
import type { Signer } from '#protocol'
import { type GatewayConfig, isLocalUrl } from '../config.ts'
import type { Store } from '../db/db.ts'
import type { Job } from '../jobs.ts'
import type { Ledger } from '../ledger/port.ts'
import type { Chain } from './chain.ts'
import { openGasWallet } from './gas-wallet.ts'
import { createCashier } from './run-cashier.ts'
import { createExits } from './run-exits.ts'
import { createWatcher } from './watch-deposits.ts'

/**
 * How far one provider is believed (M11). With witnesses, each credit up to `ALONE` on its word, larger ones only when all
 * agree. Without any, all credits together up to `TOTAL`, however large each one is.
 */
const ALONE = parseTon('1000')
const TOTAL = parseTon('100000')
/** A local chain answers at once; a public provider counts calls. */
const WATCH_MS = { local: 250, remote: 5_000 }
const CASHIER_MS = { local: 500, remote: 30_000 }
/** An account with this much uncollected usage is charged at once, worth its gas or not (H1). */
const URGENT = parseTon('20')
const NETWORK_ID = { mainnet: -239, testnet: -3 } as const
const RECONCILE_MS = 24 * 3_600_000

export interface MoneyJobsDeps {
  readonly config: GatewayConfig
  readonly chain: Chain
  /** Other providers that must agree before a large credit. */
  readonly witnesses: readonly Chain[]
  readonly ledger: Ledger
  readonly store: Store
  readonly signerFromSeed: (keyId: string, seed: Bytes) => Signer
  readonly clock: Clock
}

/** The jobs that a gateway with a Till has: deposits in, nothing missed at night; charges and payouts out. */
export function createMoneyJobs(deps: MoneyJobsDeps): readonly Job[] {
  return [...createWatcherJobs(deps), ...createCashierJobs(deps)]
}

export function createWatcherJobs(deps: Omit<MoneyJobsDeps, 'signerFromSeed'>): readonly Job[] {
  const { config, chain, witnesses, ledger, store, clock } = deps
  const { till, endpoint } = config.chain
  if (till === undefined) return []
  const watcher = createWatcher({
    till,
    chain,
    witnesses,
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

/** Without a key for gas the operator pays nobody; hosts still redeem by themselves. */
export function createCashierJobs(deps: Omit<MoneyJobsDeps, 'witnesses'>): readonly Job[] {
  const { config, chain, ledger, store, signerFromSeed, clock } = deps
  const { till, meterSeed, gasSeed, network, endpoint, minCharge, minRedeem } = config.chain
  if (till === undefined || meterSeed === undefined || gasSeed === undefined) return []
  const meter = signerFromSeed('meter', meterSeed)
  const shared = {
    till,
    chain,
    // One wallet, and one message of it at a time, whoever pays with it.
    wallet: openGasWallet({
      chain,
      // Seed and public key, as TON's wallets take them.
      secretKey: concat(gasSeed, signerFromSeed('gas', gasSeed).publicKey),
      networkId: NETWORK_ID[network],
    }),
    ledger,
    store,
    sign: async (hash: Bytes) => meter.sign(hash),
    sha256: webSha256,
    feeBps: config.commissionBps,
    clock,
  }
  const cashier = createCashier({ ...shared, policy: { minCharge, urgent: URGENT, minRedeem } })
  const exits = createExits(shared)
  const everyMs = isLocalUrl(endpoint) ? CASHIER_MS.local : CASHIER_MS.remote
  return [
    {
      // One after the other: they share the wallet.
      name: 'cashier',
      everyMs,
      run: async () => {
        await exits.tick()
        await cashier.tick()
      },
    },
  ]
}
