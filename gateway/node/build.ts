import {
  type Collateral,
  type CollateralSource,
  createCollateralSource,
  DEFAULT_POLICY,
  defaultCollateralSettings,
  type TrustAnchors,
} from '#attestation'
import { type Clock, type Random, toSeconds } from '#base/brand.ts'
import { hex, utf8 } from '#base/bytes.ts'
import type { Hashes, Signer } from '#protocol'
import { nodeProvider, signerFromSeed } from '#protocol/node'
import { createAuthenticator } from '../accounts/authenticator.ts'
import { createNonceMemory } from '../accounts/nonce-memory.ts'
import { STATEMENT_SECONDS } from '../accounts/open-account.ts'
import type { GatewayConfig } from '../config.ts'
import type { AppDeps } from '../deps.ts'
import { createAccountRefs } from '../inference/account-ref.ts'
import type { InferenceDeps } from '../inference/deps.ts'
import { createQuoteTerms } from '../inference/quote-terms.ts'
import { createRunnerSessions } from '../inference/runner-sessions.ts'
import { storedCatalog } from '../inference/stored-catalog.ts'
import { createCore } from '../ledger/core.ts'
import { groupCommit } from '../ledger/group-commit.ts'
import type { Log } from '../log.ts'
import { createMetrics } from '../metrics.ts'
import type { Chain } from '../money/chain.ts'
import { createKeysetOf } from '../receipts/keyset-of.ts'
import { createPendingSettlements } from '../receipts/pending.ts'
import { createRecentReceipts } from '../receipts/recent.ts'
import { createWatchdog } from '../relay/watchdog.ts'
import { createAllowlistSource } from '../runners/allowlist-source.ts'
import { createChallenges } from '../runners/challenges.ts'
import type { Origins, RunnersDeps } from '../runners/deps.ts'
import { createDirectory } from '../runners/directory.ts'
import { createLatestVoucher } from '../runners/latest-voucher.ts'
import { createReadRegistry } from '../runners/read-registry.ts'
import { createRunnerStore } from '../runners/runner-store.ts'
import { diskStore } from './disk-store.ts'
import type { SqliteStore } from './open-sqlite.ts'
import type { NodeUpstream } from './upstream.ts'
import { createVerifier } from './verifier.ts'

/** Development only (H17). */
export interface SimulationTrust {
  readonly anchors: TrustAnchors
  readonly collateral: Collateral
}

export interface BuildInput {
  readonly config: GatewayConfig
  /** This gateway's public origin, which is also its name in signed messages. */
  readonly publicUrl: string
  readonly store: SqliteStore
  readonly chain: Chain
  readonly upstream: NodeUpstream
  readonly origins: Origins
  readonly simulation: SimulationTrust | undefined
  readonly openapi: string
  readonly closing: AbortSignal
  readonly clock: Clock
  readonly random: Random
  readonly fetch: typeof fetch
  readonly log: Log
}

export interface Built {
  readonly app: AppDeps
  readonly collateral: CollateralSource
  /** The Till's signer; undefined without METER_KEY. */
  readonly meter: Signer | undefined
}

const provider = nodeProvider

/** Puts the parts of a Node gateway together. */
export function build(input: BuildInput): Built {
  const { config, publicUrl, store, clock, random, log } = input
  const ledger = groupCommit(createCore(store, { hosts: 'here' }), setImmediate)
  const secretFor = (label: string) => derive(provider.hashes, config, label)
  const keys = { ledger, hashes: provider.hashes, secret: secretFor('api keys'), clock }
  const authenticator = createAuthenticator(keys)
  const directory = createDirectory()
  const verifier = createVerifier()
  const metrics = createMetrics()
  const pending = createPendingSettlements()
  const settle = { ledger, verifier, recent: createRecentReceipts(), clock, metrics }
  const refs = createAccountRefs(provider, secretFor('references'))
  const sessions = createRunnerSessions(provider, clock)
  const { meterSeed, till } = config.chain
  const meter = meterSeed === undefined ? undefined : signerFromSeed('meter', meterSeed)
  const inference: InferenceDeps = {
    ...settle,
    provider,
    directory,
    catalog: storedCatalog(store.db, config.models, toSeconds(clock())),
    quoteTerms: createQuoteTerms(config.commissionBps),
    sessions,
    refs,
    pending,
    upstream: input.upstream,
    watchdog: createWatchdog(),
    topUpUrl: (account) => `${publicUrl}/?account=${account}`,
    affinity: provider.hashes.macKey(secretFor('affinity')),
    plaintext: config.plaintext,
    random,
    log,
  }
  const collateral = createCollateral(input)
  const meterKey = meter === undefined ? undefined : hex(meter.publicKey)
  const runners = buildRunners(input, { inference, verifier, collateral, meterKey })
  const keysetOf = createKeysetOf(directory, runners.store)
  const app: AppDeps = {
    inference,
    runners,
    receipts: {
      ...settle,
      refs,
      pending,
      log,
      keysetOf,
      signer: meter,
      gatewayName: publicUrl,
    },
    accounts: {
      ...keys,
      random,
      forget: (account) => authenticator.forget(account),
      gateway: publicUrl,
      verify: verifier.verify,
      nonces: createNonceMemory(clock, 2 * STATEMENT_SECONDS),
    },
    authenticator,
    till: till === undefined ? undefined : { address: till, meterKey: meterKey ?? null },
    registryAddress: config.chain.registry,
    registry: () => runners.allowlist.snapshot(),
    openapi: input.openapi,
    commissionBps: config.commissionBps,
    adminKey: config.adminKey,
    metricsToken: config.metricsToken,
    closing: input.closing,
    pendingOf: (account) => pending.settled(account),
  }
  return { app, collateral, meter }
}

/** One secret in the configuration, one derived key per purpose (M10). */
function derive(hashes: Hashes, { secret }: GatewayConfig, label: string) {
  return hashes.macKey(secret).mac(utf8(`cocoon gateway ${label}\0`))
}

function createCollateral({ config, random, fetch, clock }: BuildInput): CollateralSource {
  return createCollateralSource(defaultCollateralSettings(random), {
    fetch,
    clock,
    store: diskStore(config.collateralPath, clock),
    background: (work) => void work,
  })
}

function buildRunners(
  input: BuildInput,
  made: {
    readonly inference: InferenceDeps
    readonly verifier: RunnersDeps['verifier']
    readonly collateral: CollateralSource
    readonly meterKey: string | undefined
  },
): RunnersDeps {
  const { config, store, clock, random, log, simulation } = input
  const { inference } = made
  const runnerStore = createRunnerStore(store)
  return {
    provider,
    verifier: made.verifier,
    directory: inference.directory,
    store: runnerStore,
    sessions: inference.sessions,
    challenges: createChallenges(random),
    allowlist: createAllowlistSource({
      readRegistry: createReadRegistry(input.chain, config.chain.registry),
      clock,
      log,
      denials: config.denials,
      floor: runnerStore.registryFloor,
    }),
    collateral: made.collateral,
    collateralSettings: defaultCollateralSettings(random),
    anchors: simulation?.anchors,
    givenCollateral: simulation?.collateral ?? new Map(),
    gpu: { ...DEFAULT_POLICY.gpu, presence: config.gpu },
    origins: input.origins,
    ledger: inference.ledger,
    latestVoucher: createLatestVoucher(store.db, config.chain.till),
    urlRules: { loopback: !config.production },
    gatewayName: input.publicUrl,
    maxCoefficientBps: config.maxCoefficientBps,
    till: config.chain.till,
    meterKey: made.meterKey,
    clock,
    random,
    log,
  }
}
