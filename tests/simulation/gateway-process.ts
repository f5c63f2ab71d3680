import { type Clock, type Random, unixSeconds } from '#base/brand.ts'
import { type Bytes, concat, utf8 } from '#base/bytes.ts'
import { nano, nanoPerMillion, parseTon } from '#base/nano.ts'
import { composeFront } from '#gateway/compose/compose-front.ts'
import type { GatewayConfig } from '#gateway/config.ts'
import { type TonAddress, tonAddress } from '#gateway/db/ids.ts'
import type { FrontDeps } from '#gateway/deps.ts'
import { createServeExchange, type ServeExchange } from '#gateway/inference/serve-exchange.ts'
import { createModelTable, storedCatalog } from '#gateway/inference/stored-catalog.ts'
import { createCore, type LedgerCore } from '#gateway/ledger/core.ts'
import { orderedExits } from '#gateway/ledger/exits.ts'
import type { Ledger } from '#gateway/ledger/port.ts'
import type { Log } from '#gateway/log.ts'
import type { Metrics } from '#gateway/metrics.ts'
import type { Chain } from '#gateway/money/chain.ts'
import { openGasWallet } from '#gateway/money/gas-wallet.ts'
import { openRates } from '#gateway/money/open-rates.ts'
import { isCovered, readLiabilities } from '#gateway/money/reserves.ts'
import { type Cashier, createCashier } from '#gateway/money/run-cashier.ts'
import { createExits } from '#gateway/money/run-exits.ts'
import { createWatcher, type Watcher } from '#gateway/money/watch-deposits.ts'
import type { SqliteStore } from '#gateway/node/open-sqlite.ts'
import { createKeysetOf, type KeysetOf } from '#gateway/receipts/keyset-of.ts'
import { createPendingSettlements } from '#gateway/receipts/pending.ts'
import { createProofs, type Proofs } from '#gateway/receipts/proofs.ts'
import { createRecentReceipts } from '#gateway/receipts/recent.ts'
import type { Unwritten } from '#gateway/receipts/unwritten.ts'
import type { Upstream } from '#gateway/relay/ports.ts'
import { createWatchdog, type Watchdog } from '#gateway/relay/watchdog.ts'
import { type AllowlistSource, createAllowlistSource } from '#gateway/runners/allowlist-source.ts'
import { createDirectory, type Directory } from '#gateway/runners/directory.ts'
import { createRunnerStore, type RunnerStore } from '#gateway/runners/runner-store.ts'
import type { Provider, SessionTable, Signer } from '#protocol'
import type { Life } from './life.ts'
import type { RegistryModel } from './registry-model.ts'
import { type Generation, MODEL } from './runner-model.ts'

export const COMMISSION_BPS = 1_000
export const TILL = tonAddress(`0:${'77'.repeat(32)}`)
const NETWORK_ID = -239
const REGISTRY = tonAddress(`0:${'66'.repeat(32)}`)
export const PRICES = {
  input: nanoPerMillion(7_000_000n),
  cached: nanoPerMillion(3_000_000n),
  output: nanoPerMillion(600_000_000_000n),
} as const

/** Parts that a negative control may replace by broken ones. */
export interface Sabotage {
  /** Below everything that watches it. */
  readonly core?: (core: LedgerCore, store: SqliteStore) => LedgerCore
  /** Rewrites the ledger's SQL. */
  readonly sql?: ((sql: string) => string) | undefined
  /** What the store that the ledger sees does with a transaction. */
  readonly store?: (store: SqliteStore) => SqliteStore
  readonly ledger?: (ledger: Ledger) => Ledger
  readonly keysetOf?: (keysetOf: KeysetOf, runners: RunnerStore) => KeysetOf
  readonly verify?: Provider<'sync'>['verify']
  readonly proofs?: (proofs: Proofs) => Proofs
  readonly unwritten?: Unwritten
  readonly directory?: (directory: Directory) => Directory
  /** One provider is asked of accounts, or of hosts, and nobody else. */
  readonly believesOne?: 'of accounts' | 'of hosts'
  /** What a runner remembers of what it has seen. */
  readonly sessions?: (table: SessionTable) => SessionTable
  /** What a runner that starts again still has of its keys. */
  readonly reborn?: (generation: Generation | undefined) => Generation | undefined
  /** What the watcher makes of a provider's answers. */
  readonly chain?: (chain: Chain) => Chain
  /** The highest version of the Registry that was seen. */
  readonly floor?: RunnerStore['registryFloor']
  /** What exits see of the books. */
  readonly exitsLedger?: (ledger: Ledger) => Ledger
  /** Statements that run once on the gateway's database. */
  readonly script?: string
}

export interface ProcessWorld {
  readonly store: SqliteStore
  readonly path: string
  readonly life: Life
  readonly provider: Provider<'sync'>
  readonly chain: Chain
  /** Always tells the truth. */
  readonly witness: Chain
  readonly registry: RegistryModel
  readonly upstream: Upstream
  readonly meter: Signer
  readonly gasKey: Bytes
  readonly clock: Clock
  readonly random: Random
  readonly chance: () => number
  readonly log: Log
  readonly sabotage: Sabotage
}

/** The gateway's process: its own parts, put together as `gateway/node/build.ts` and `money-jobs.ts` do. */
export interface GatewayProcess {
  /** Address of the wallet that pays for its messages. */
  readonly wallet: string
  /** The database itself, past everything that a control breaks. */
  readonly raw: SqliteStore
  readonly life: Life
  readonly store: SqliteStore
  readonly ledger: Ledger
  readonly front: FrontDeps
  readonly serve: ServeExchange
  readonly watchdog: Watchdog
  readonly directory: Directory
  readonly runners: RunnerStore
  readonly allowlist: AllowlistSource
  readonly catalog: ReturnType<typeof storedCatalog>
  readonly watcher: Watcher
  readonly cashier: Cashier
  readonly exits: ReturnType<typeof createExits>
}

const NO_METRICS: Metrics = {
  request: () => {},
  firstByte: () => {},
  overhead: () => {},
  queued: () => {},
  runnerFailed: () => {},
  settled: () => {},
  refusedReceipt: () => {},
  commit: () => {},
  job: () => {},
  spansDropped: () => {},
  outOfDescriptors: () => {},
  bodyRefused: () => {},
  state: () => {},
  exposition: async () => ({ contentType: '', text: '' }),
}

export function startProcess(world: ProcessWorld): GatewayProcess {
  const { life, provider, clock, random, log, sabotage } = world
  const { sql = (text) => text } = sabotage
  let isChanged = sabotage.sql === undefined
  const rewrite = (text: string): string => {
    const rewritten = sql(text)
    isChanged ||= rewritten !== text
    return rewritten
  }
  const watched = life.store(world.store)
  const patched: SqliteStore = { ...watched, prepare: (text) => watched.prepare(rewrite(text)) }
  const store = sabotage.store?.(patched) ?? patched
  const core = createCore(store, { hosts: 'here' })
  if (!isChanged) throw new RangeError('a control rewrites SQL that is not there')
  const told = life.ledger(sabotage.core?.(core, store) ?? core)
  const ledger = sabotage.ledger?.(told) ?? told
  const plainDirectory = createDirectory()
  const directory = sabotage.directory?.(plainDirectory) ?? plainDirectory
  const runners = createRunnerStore(store)
  const allowlist = createAllowlistSource({
    readRegistry: () => life.call(async () => world.registry.show(clock())),
    clock,
    log,
    denials: [],
    floor: sabotage.floor ?? runners.registryFloor,
  })
  const keysetOf = createKeysetOf(directory, runners)
  const watchdog = createWatchdog()
  const closing = { aborted: false }
  const models = createModelTable(store.db)
  const catalog = storedCatalog(models, models.all(), {
    seeds: CONFIG.models,
    created: unixSeconds(0),
  })
  const platform = {
    config: CONFIG,
    publicUrl: 'http://gateway.simulation',
    provider,
    verifier: { verify: sabotage.verify ?? provider.verify },
    ledger,
    meter: world.meter,
    metrics: NO_METRICS,
    closing,
    clock,
    timer: clock,
    random,
    log,
  }
  const composed = composeFront(platform, {
    self: undefined,
    directory,
    catalog,
    keysetOf: sabotage.keysetOf?.(keysetOf, runners) ?? keysetOf,
    pending: createPendingSettlements(),
    upstream: world.upstream,
    watchdog,
    rates: openRates(CONFIG.rates, { fetch, clock }),
  })
  const front = sabotaged(composed, sabotage)
  const { authenticator } = front
  const serve = createServeExchange({
    ...front.inference,
    authenticator,
    maxBodyBytes: CONFIG.maxBodyBytes,
    trace: undefined,
    closing,
  })
  return {
    raw: world.store,
    life,
    store,
    ledger,
    front,
    serve,
    watchdog,
    directory,
    runners,
    allowlist,
    catalog,
    ...startMoney(world, { store, ledger }),
  }
}

function sabotaged(front: FrontDeps, { proofs: wrap, unwritten }: Sabotage): FrontDeps {
  const inference = { ...front.inference, unwritten: unwritten ?? front.inference.unwritten }
  if (wrap === undefined) return { ...front, inference }
  const proofs = wrap(createProofs())
  const recent = createRecentReceipts()
  return {
    ...front,
    inference: { ...inference, proofs, recent },
    receipts: { ...front.receipts, proofs, recent },
  }
}

function startMoney(
  world: ProcessWorld,
  { store, ledger }: { readonly store: SqliteStore; readonly ledger: Ledger },
): Pick<GatewayProcess, 'wallet' | 'watcher' | 'cashier' | 'exits'> {
  const { life, clock, chance, meter, sabotage } = world
  const chain = life.chain(world.chain)
  const witness = [life.chain(world.witness)]
  const believes = sabotage.believesOne
  const limits = { total: believes === 'of accounts' ? parseTon('9000000') : nano(0n) }
  const shared = {
    till: TILL,
    chain,
    wallet: openGasWallet({ chain, secretKey: world.gasKey, networkId: NETWORK_ID }),
    ledger,
    store,
    sign: (hash: Bytes) => meter.sign(hash),
    meterKey: meter.publicKey,
    sha256: (bytes: Bytes) => world.provider.hashes.sha256(bytes),
    feeBps: COMMISSION_BPS,
    clock,
  }
  const policy = { minCharge: nano(1n), urgent: parseTon('1'), minRedeem: nano(1n) }
  return {
    wallet: shared.wallet.address,
    watcher: createWatcher({
      till: TILL,
      chain: sabotage.chain?.(chain) ?? chain,
      witnesses: believes === 'of accounts' ? [] : witness,
      limits,
      ledger,
      store,
      covers: async (totals) => isCovered(readLiabilities(store), totals),
      clock,
    }),
    cashier: createCashier({
      ...shared,
      policy,
      witnesses: believes === 'of hosts' ? [] : witness,
    }),
    exits: createExits({
      ...shared,
      ledger: sabotage.exitsLedger?.(ledger) ?? ledger,
      orders: async () => orderedExits(store, TILL, chance),
    }),
  }
}

const CONFIG: GatewayConfig = {
  production: false,
  listen: { host: '127.0.0.1', port: 0 },
  publicUrl: undefined,
  tls: undefined,
  drainSeconds: 0,
  runnerDomain: undefined,
  runnerOriginPorts: [],
  databasePath: '',
  databaseUrl: undefined,
  collateralPath: '',
  secret: concat(utf8('a secret of the simulation only!')),
  chain: {
    endpoint: '',
    apiKey: undefined,
    witnesses: [],
    webEndpoints: [],
    registry: REGISTRY,
    till: TILL as TonAddress,
    meterSeed: undefined,
    gasSeed: undefined,
    network: 'mainnet',
    minCharge: nano(1n),
    minRedeem: nano(1n),
  },
  models: [{ id: MODEL, name: 'Simulated', ...PRICES, demonstration: true }],
  commissionBps: COMMISSION_BPS,
  rates: { ticker: 'TON', usd: undefined, tickers: [] },
  hostProof: 'off',
  maxCoefficientBps: 20_000,
  plaintext: 'allow',
  tee: false,
  gpu: 'optional',
  denials: [],
  adminKey: undefined,
  metricsToken: undefined,
  maxBodyBytes: 65_536,
  bodyMemory: 128 * 1024 * 1024,
  maxConnections: 10_000,
  accountConcurrency: 1_000,
  accountsPerHour: 0,
  trustedProxies: [],
  queue: { requests: 50, seconds: 30 },
  logLevel: 'info',
  traces: undefined,
}
