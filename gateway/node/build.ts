import {
  type CollateralSource,
  createCollateralSource,
  defaultCollateralSettings,
} from '#attestation'
import { type Clock, type Random, toSeconds } from '#base/brand.ts'
import { hex } from '#base/bytes.ts'
import { generateSigner, nodeProvider, signerFromSeed } from '#protocol/node'
import type { Machine } from '../attest/machine.ts'
import { createSelfAttestor, type SelfAttestor } from '../attest/self-attestor.ts'
import type { TlsKey } from '../attest/self-identity.ts'
import { composeFront } from '../compose/compose-front.ts'
import { composeMarket, type SimulationTrust } from '../compose/compose-market.ts'
import { type Platform, treeKeys } from '../compose/platform.ts'
import type { GatewayConfig } from '../config.ts'
import type { AppDeps } from '../deps.ts'
import type { Timer } from '../inference/journey.ts'
import { type ModelRow, type StoredCatalog, storedCatalog } from '../inference/stored-catalog.ts'
import { type BodyBudget, createBodyBudget } from '../limits/body-budget.ts'
import type { Log } from '../log.ts'
import type { Chain } from '../money/chain.ts'
import { createChainHealth, isWitness, type Provider } from '../money/chain-health.ts'
import { hasCashier } from '../money/money-jobs.ts'
import { createMoneyWatch, type MoneyWatch } from '../money/money-watch.ts'
import { openRates } from '../money/open-rates.ts'
import { createReserves } from '../money/reserves.ts'
import { createTillViews } from '../money/till-views.ts'
import type { ServePages } from '../pages.ts'
import { createKeysetOf } from '../receipts/keyset-of.ts'
import { createPendingSettlements } from '../receipts/pending.ts'
import { createWatchdog } from '../relay/watchdog.ts'
import type { Origins } from '../runners/deps.ts'
import type { Directory } from '../runners/directory.ts'
import type { JudgeDeps } from '../runners/judge-evidence.ts'
import type { Backing } from './backing.ts'
import { diskStore } from './disk-store.ts'
import { createPromMetrics } from './prom-metrics.ts'
import type { NodeUpstream } from './upstream.ts'
import { createVerifier } from './verifier.ts'

export interface BuildInput {
  readonly config: GatewayConfig
  /** This gateway's public origin, which is also its name in signed messages. */
  readonly publicUrl: string
  readonly backing: Backing
  /** The operator's changes of what is sold, as they are stored now. */
  readonly offers: readonly ModelRow[]
  readonly directory: Directory
  readonly chain: Chain
  /** That one and its witnesses, for the operator. */
  readonly providers: readonly Provider[]
  readonly upstream: NodeUpstream
  readonly origins: Origins
  readonly simulation: SimulationTrust | undefined
  readonly pages: ServePages | undefined
  /** The confidential machine that this is; undefined: this gateway shows no evidence. */
  readonly machine: Machine | undefined
  /** Of the moment: a certificate is renewed while the gateway runs. */
  readonly tlsKeys: () => readonly TlsKey[]
  readonly openapi: string
  readonly closing: AbortSignal
  readonly clock: Clock
  readonly timer: Timer
  readonly random: Random
  readonly fetch: typeof fetch
  readonly log: Log
}

export interface Built {
  readonly app: AppDeps
  readonly bodies: BodyBudget
  readonly collateral: CollateralSource
  readonly catalog: StoredCatalog
  /** Where the money jobs keep what they see. */
  readonly money: MoneyWatch
}

/** Puts the parts of a Node gateway together: one process, its tables, one directory of runners in memory. */
export function build(input: BuildInput): Built {
  const { config, backing, directory, clock, random, upstream, origins, chain, simulation } = input
  const platform = openPlatform(input)
  const catalog = storedCatalog(backing.models, input.offers, {
    seeds: config.models,
    created: toSeconds(clock()),
  })
  const collateral = createCollateralSource(defaultCollateralSettings(random), {
    fetch: input.fetch,
    clock,
    store: diskStore(config.collateralPath, clock),
    background: (work) => void work,
  })
  const runners = composeMarket(platform, {
    directory,
    store: backing.runners,
    hours: backing.hours,
    countsRequests: true,
    countsTime: () => backing.leads(),
    payees: backing.payees,
    usedChallenges: backing.usedChallenges,
    latestVoucher: (payee) => backing.latestVoucher(payee),
    collateral,
    chain,
    witnesses: input.providers.filter(isWitness).map((witness) => witness.chain),
    origins,
    simulation,
    takesTunnels: true,
  })
  const self = openSelf(input, runners)
  const front = composeFront(platform, {
    self,
    directory,
    catalog,
    keysetOf: createKeysetOf(directory, backing.runners),
    pending: createPendingSettlements(),
    upstream,
    watchdog: createWatchdog(),
    rates: openRates(config.rates, { fetch: input.fetch, clock }),
  })
  const money = createMoneyWatch(input.log)
  const { metrics } = platform
  const bodies = createBodyBudget(config.bodyMemory, (owner) => metrics.bodyRefused(owner))
  const app: AppDeps = {
    ...front,
    self,
    runners,
    catalog,
    network: config.chain.network,
    tillViews:
      config.chain.till === undefined
        ? undefined
        : createTillViews(chain, config.chain.till, clock),
    reserves: createReserves({
      read: () => backing.readBooks(),
      keys: treeKeys(platform),
      clock,
    }),
    moneyStatus: money.status,
    chainHealth: createChainHealth(
      input.providers,
      config.chain.till ?? config.chain.registry,
      clock,
    ),
    storeState: () => backing.storeState(),
    bodies,
    takesExits: hasCashier(config),
    registryAddress: config.chain.registry,
    registry: () => runners.allowlist.snapshot(),
    pages: input.pages,
    openapi: input.openapi,
    adminKey: config.adminKey,
    metricsToken: config.metricsToken,
  }
  return { app, bodies, collateral, catalog, money }
}

/** A gateway judges itself as it judges runners, but for the model and its GPU. */
function openSelf(input: BuildInput, judge: JudgeDeps): SelfAttestor | undefined {
  const { machine, publicUrl, tlsKeys, clock, random, log } = input
  if (machine === undefined) return undefined
  return createSelfAttestor({
    machine,
    makeSigner: () => generateSigner(`gateway-${hex(random(KEY_ID_BYTES))}`),
    origin: publicUrl,
    tlsKeys,
    judge: { ...judge, gpu: { ...judge.gpu, presence: 'optional' } },
    clock,
    random,
    log,
  })
}

const KEY_ID_BYTES = 8

function openPlatform(input: BuildInput): Platform {
  const { config, publicUrl, backing, closing, clock, timer, random, log } = input
  const { meterSeed } = config.chain
  const metrics = createPromMetrics(clock)
  return {
    config,
    publicUrl,
    provider: nodeProvider,
    verifier: createVerifier(),
    ledger: backing.openLedger((calls, seconds) => metrics.commit(calls, seconds)),
    meter: meterSeed === undefined ? undefined : signerFromSeed('meter', meterSeed),
    metrics,
    closing,
    clock,
    timer,
    random,
    log,
  }
}
