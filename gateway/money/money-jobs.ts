import type { Clock } from '#base/brand.ts'
import { type Bytes, concat } from '#base/bytes.ts'
import { parseTon } from '#base/nano.ts'
import { type TillTotals, webSha256 } from '#contracts'
import type { Signer } from '#protocol'
import { type GatewayConfig, isLocalUrl } from '../config.ts'
import type { Store } from '../db/db.ts'
import type { TonAddress } from '../db/ids.ts'
import type { Job } from '../jobs.ts'
import type { Ledger, OrderedExit } from '../ledger/port.ts'
import { codeOf } from '../log.ts'
import type { Chain } from './chain.ts'
import { openGasWallet } from './gas-wallet.ts'
import type { MoneyWatch } from './money-watch.ts'
import { createCashier } from './run-cashier.ts'
import { createExits } from './run-exits.ts'
import { createWatcher } from './watch-deposits.ts'

/** How far one provider is believed (M11): without witnesses, all credits together; with any, nothing on its word alone. */
const TOTAL = parseTon('100000')
/** A local chain answers at once; a public provider counts calls. */
const WATCH_MS = { local: 500, remote: 5_000 }
const CASHIER_MS = { local: 500, remote: 30_000 }
/** An account with this much uncollected usage is charged at once, worth its gas or not (H1). */
const URGENT = parseTon('20')
const NETWORK_ID = { mainnet: -239, testnet: -3 } as const
const RECONCILE_MS = 24 * 3_600_000
/** Charges and payouts that are only worth their gas leave at a random moment within this (M15). */
const DELAY_MS = { local: 0, remote: 3_600_000 }
/** Below it somebody should fund the gas wallet: about a hundred messages are left. */
const GAS_LOW = parseTon('2')

export interface MoneyJobsDeps {
  readonly config: GatewayConfig
  readonly chain: Chain
  /** Other providers that must agree. */
  readonly witnesses: readonly Chain[]
  readonly ledger: Ledger
  readonly store: Store
  /** What owners have ordered at a Till. */
  readonly orders: (till: TonAddress) => Promise<readonly OrderedExit[]>
  /** Whether the Till, that holds so much, holds what the books owe. */
  readonly covers: (totals: TillTotals) => Promise<boolean>
  readonly signerFromSeed: (keyId: string, seed: Bytes) => Signer
  /** Where what they see is kept for the operator. */
  readonly watch: MoneyWatch
  /** 0 to 1, for random delays. */
  readonly chance: () => number
  readonly clock: Clock
}

/** The jobs that a gateway with a Till has: deposits in, nothing missed at night; charges and payouts out. */
export function createMoneyJobs(deps: MoneyJobsDeps): readonly Job[] {
  return [...createWatcherJobs(deps), ...createCashierJobs(deps)]
}

export function createWatcherJobs(
  deps: Omit<MoneyJobsDeps, 'orders' | 'signerFromSeed' | 'chance'>,
): readonly Job[] {
  const { config, chain, witnesses, ledger, store, clock } = deps
  const { till, endpoint } = config.chain
  if (till === undefined) return []
  const watcher = createWatcher({
    till,
    chain,
    witnesses,
    limits: { total: TOTAL },
    ledger,
    store,
    covers: deps.covers,
    noteAgreement: (agree) => deps.watch.agreed({ agree, at: clock() }),
    clock,
  })
  return [
    {
      name: 'deposits',
      everyMs: isLocalUrl(endpoint) ? WATCH_MS.local : WATCH_MS.remote,
      once: true,
      run: async () => {
        try {
          const { seqno } = await watcher.tick()
          deps.watch.watched({ seqno, at: clock() })
        } catch (error) {
          deps.watch.watchFailed({ code: codeOf(error), at: clock() })
          throw error
        }
      },
    },
    {
      name: 'reconcile',
      everyMs: RECONCILE_MS,
      once: true,
      run: async () => deps.watch.reconciled(await watcher.reconcile()),
    },
  ]
}

/** Whether there is a cashier: without a key for gas the operator pays nobody, and hosts redeem by themselves. */
export function hasCashier({ chain: { till, meterSeed, gasSeed } }: GatewayConfig): boolean {
  return till !== undefined && meterSeed !== undefined && gasSeed !== undefined
}

/** None where there is no cashier. @see hasCashier */
export function createCashierJobs(deps: Omit<MoneyJobsDeps, 'covers'>): readonly Job[] {
  const { config, chain, witnesses, ledger, store, signerFromSeed, watch, clock } = deps
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
    sign: async (hash: Bytes) => meter.sign(hash),
    meterKey: meter.publicKey,
    sha256: webSha256,
    feeBps: config.commissionBps,
    clock,
  }
  const place = isLocalUrl(endpoint) ? 'local' : 'remote'
  const cashier = createCashier({
    ...shared,
    store,
    policy: { minCharge, urgent: URGENT, minRedeem },
    witnesses,
    delayMs: DELAY_MS[place],
    chance: deps.chance,
  })
  const exits = createExits({ ...shared, orders: () => deps.orders(till) })
  return [
    {
      // One after the other: they share the wallet.
      name: 'cashier',
      everyMs: CASHIER_MS[place],
      once: true,
      run: async () => {
        await exits.tick()
        const { commands, sent, balance, rotationAt } = await cashier.tick()
        const isPoor = sent === 'unfunded' || exits.waitForGas()
        watch.gas({ address: shared.wallet.address, balance, low: balance < GAS_LOW || isPoor })
        const told = isPoor ? 'unfunded' : sent
        watch.cashier({ at: clock(), sent: told, commands: commands.length })
        watch.rotation(rotationAt)
      },
    },
  ]
}
