import { createHash } from 'node:crypto'
import { mkdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { WalletContractV5R1 } from '@ton/ton'
import { modelHash } from '#attestation'
import { type Bytes, fromHex } from '#base/bytes.ts'
import { nano, nanoPerMillion, parseTon } from '#base/nano.ts'
import type { RunnerConfig } from '#enclave-runner/main.ts'
import type { GatewayConfig } from '#gateway/config.ts'
import { tonAddress } from '#gateway/db/ids.ts'
import { signerFromSeed } from '#protocol/node'
import { devRpc } from '../chain/dev-rpc.ts'
import { openDevWallet } from '../chain/wallet.ts'
import type { ChainReady, ChainSettings } from './chain-process.ts'
import { deployContracts } from './deploy-contracts.ts'
import { awaitBalance, deposit, openAccount } from './fund-account.ts'
import type { GatewayReady, GatewaySettings } from './gateway-process.ts'
import { type Part, startPart } from './part.ts'
import { type Ports, requireFreePorts } from './ports.ts'
import type { RunnerReady, RunnerSettings } from './runner-process.ts'
import {
  exportSimulatedTee,
  makeSimulatedTee,
  type SimulatedTee,
  simulationOf,
} from './simulated-tee.ts'

/** What the runner runs; the demonstration model unless told otherwise. */
export interface WorldEngine {
  /** The model's id as clients name it. */
  readonly model: string
  readonly engine: RunnerConfig['engine']
  /** `sha256:<hex>`; undefined takes the digest of the weights file. */
  readonly weights: string | undefined
}

export interface WorldOptions {
  readonly ports: Ports
  /** Scratch folder of this world: databases and outboxes. Emptied at start. */
  readonly folder: string
  readonly engine?: WorldEngine
  /** What the ready-made account is topped up with, in TON. */
  readonly depositTon?: string
  readonly capacity?: number
  /** Charge on chain from this much on, in TON; absent: at once, however little it is. */
  readonly minChargeTon?: string
  /** Told of each step, for people. */
  readonly progress?: (step: string) => void
}

/** What `.cocoon/dev.json` holds. */
export interface WorldInfo {
  readonly baseUrl: string
  readonly apiKey: string
  readonly accountId: string
  readonly webUrl: string
  readonly chainUrl: string
  readonly tillAddress: string
  readonly registryAddress: string
  readonly models: readonly string[]
  readonly runnerId: string
  readonly runnerOrigin: string
  readonly adminKey: string
}

export interface World {
  readonly info: WorldInfo
  readonly tee: SimulatedTee
  /** The host's wallet, raw: where vouchers are redeemed to. */
  readonly payee: string
  readonly gateway: Part<GatewayReady>
  readonly runner: Part<RunnerReady>
  readonly chain: Part<ChainReady>
  /** The same gateway again after `gateway.kill()`: same file, same port. */
  restartGateway(): Promise<Part<GatewayReady>>
  restartRunner(): Promise<Part<RunnerReady>>
  stop(): Promise<void>
}

const ROOT = join(import.meta.dirname, '..', '..')
const DEMO_WEIGHTS = join(ROOT, 'models', 'tiny-demo.gguf')
const DEMO: WorldEngine = {
  model: 'tiny-demo',
  engine: { kind: 'demo', weightsPath: DEMO_WEIGHTS },
  weights: undefined,
}
const DEFAULT_DEPOSIT_TON = '10'
const DEFAULT_CAPACITY = 64
const GAS_FUND_TON = '100'
/** Half a milli-TON per thousand tokens: small enough that the first deposit lasts, large enough to be seen. */
const PRICE = {
  input: nanoPerMillion(200_000_000n),
  cached: nanoPerMillion(50_000_000n),
  output: nanoPerMillion(800_000_000n),
}
const COMMISSION_BPS = 500
const CREDIT_LIMIT = parseTon('100')
const KEYSET_SECONDS = 12 * 3_600
const SECRET_BYTES = 32
const REGISTERED_MS_MAX = 60_000

/**
 * Starts every part of the product on this machine and waits until a funded account can use it:
 * 1. the chain; 2. a machine that pretends to be confidential; 3. Till and Registry, listing its image and model;
 * 4. the gateway; 5. the runner, until it is registered; 6. an account, topped up from a plain wallet.
 */
export async function startWorld(options: WorldOptions): Promise<World> {
  const progress = options.progress ?? (() => {})
  await requireFreePorts(options.ports)
  await rm(options.folder, { recursive: true, force: true })
  await mkdir(options.folder, { recursive: true, mode: 0o700 })
  const parts: Part<unknown>[] = []
  const begin = async <Settings, Ready>(name: string, settings: Settings): Promise<Part<Ready>> => {
    progress(`starting the ${name}`)
    const module = join(import.meta.dirname, `${name}-process.ts`)
    const part = await startPart<Settings, Ready>({ name, module, settings })
    parts.push(part)
    return part
  }
  const stop = async (): Promise<void> => {
    // Runners first: their last receipts still reach the gateway.
    for (const part of parts.splice(0).reverse()) await part.stop()
    await rm(options.folder, { recursive: true, force: true })
  }
  try {
    const chain = await begin<ChainSettings, ChainReady>('chain', { port: options.ports.chain })
    const plan = await planWorld(options, chain.ready.endpoint, progress)
    let gateway = await begin<GatewaySettings, GatewayReady>('gateway', plan.gateway)
    let runner = await begin<RunnerSettings, RunnerReady>('runner', plan.runner)
    const { origin } = gateway.ready
    const registered = await awaitRunner(origin)
    progress('topping up an account on the chain')
    const account = await openAccount({ gateway: origin, mode: 'managed' })
    const amount = options.depositTon ?? DEFAULT_DEPOSIT_TON
    await deposit({ endpoint: chain.ready.endpoint, till: plan.till, account, amount })
    await awaitBalance(origin, account.apiKey, ({ available }) => available > 0n)
    return {
      info: {
        baseUrl: `${origin}/v1`,
        apiKey: account.apiKey,
        accountId: account.owner.id,
        webUrl: origin,
        chainUrl: chain.ready.endpoint,
        tillAddress: plan.till,
        registryAddress: plan.registry,
        models: [plan.model],
        runnerId: registered.id,
        runnerOrigin: registered.origin,
        adminKey: plan.adminKey,
      },
      tee: plan.tee,
      payee: plan.payee,
      chain,
      get gateway() {
        return gateway
      },
      get runner() {
        return runner
      },
      restartGateway: async () => {
        await gateway.kill()
        gateway = await begin('gateway', plan.gateway)
        return gateway
      },
      restartRunner: async () => {
        await runner.kill()
        runner = await begin('runner', plan.runner)
        return runner
      },
      stop,
    }
  } catch (error) {
    await stop()
    throw error
  }
}

interface Plan {
  readonly tee: SimulatedTee
  readonly till: string
  readonly registry: string
  readonly payee: string
  readonly model: string
  readonly adminKey: string
  readonly gateway: GatewaySettings
  readonly runner: RunnerSettings
}

/** Everything that is decided before gateway and runner start. */
async function planWorld(
  options: WorldOptions,
  endpoint: string,
  progress: (step: string) => void,
): Promise<Plan> {
  const { model, engine, weights } = options.engine ?? DEMO
  const weightsDigest = weights ?? (await digestOf(engine))
  const tee = await makeSimulatedTee(Math.floor(Date.now() / 1000))
  const simulation = await simulationOf(tee)
  const meterSeed = secret()
  const gasSeed = secret()
  await fundGasWallet(endpoint, gasSeed)
  progress('deploying Till and Registry')
  const { till, registry } = await deployContracts({
    endpoint,
    meterKey: signerFromSeed('meter', meterSeed).publicKey,
    salt: secret(),
    listings: [
      { kind: 'image', hash: fromHex(simulation.image) },
      { kind: 'model', hash: fromHex(await modelHash(model, weightsDigest)) },
    ],
  })
  const payee = openDevWallet(endpoint, 'host').address.toRawString()
  const adminKey = Buffer.from(secret()).toString('base64url')
  const config: GatewayConfig = {
    production: false,
    listen: { host: '127.0.0.1', port: options.ports.gateway },
    publicUrl: undefined,
    runnerDomain: undefined,
    runnerOriginPorts: [options.ports.runnerOrigin],
    databasePath: join(options.folder, 'gateway.db'),
    secret: secret(),
    chain: {
      endpoint,
      apiKey: undefined,
      registry: tonAddress(registry),
      till: tonAddress(till),
      meterSeed,
      gasSeed,
      network: 'mainnet',
      minCharge: options.minChargeTon === undefined ? nano(1n) : parseTon(options.minChargeTon),
      minRedeem: nano(1n),
    },
    models: [{ id: model, name: model, ...PRICE, demonstration: engine.kind === 'demo' }],
    commissionBps: COMMISSION_BPS,
    maxCoefficientBps: 20_000,
    plaintext: 'allow',
    gpu: 'required',
    denials: [],
    adminKey,
    metricsToken: undefined,
    maxBodyBytes: 32 * 1024 * 1024,
    logLevel: 'warn',
  }
  return {
    tee,
    till,
    registry,
    payee,
    model,
    adminKey,
    gateway: { config, anchors: simulation.anchors, collateral: simulation.collateral },
    runner: {
      config: runnerConfig(options, { payee, model, engine, weights: weightsDigest }),
      tee: await exportSimulatedTee(tee),
    },
  }
}

function runnerConfig(
  options: WorldOptions,
  serves: {
    readonly payee: string
    readonly model: string
    readonly engine: RunnerConfig['engine']
    readonly weights: string
  },
): RunnerConfig {
  const { ports, folder, capacity = DEFAULT_CAPACITY } = options
  return {
    production: false,
    listen: { host: '127.0.0.1', port: ports.runner },
    publicUrl: undefined,
    gateways: [`http://127.0.0.1:${ports.gateway}`],
    payee: serves.payee,
    model: {
      id: serves.model,
      weights: serves.weights,
      contextLength: undefined,
      maxOutputTokens: undefined,
      priceCoefficientBps: 10_000,
    },
    engine: serves.engine,
    capacity,
    outboxPath: join(folder, 'runner-outbox'),
    creditLimit: CREDIT_LIMIT,
    keysetSeconds: KEYSET_SECONDS,
  }
}

/** The gateway's own wallet for gas, as an operator would fund it. */
async function fundGasWallet(endpoint: string, seed: Bytes): Promise<void> {
  const publicKey = Buffer.from(signerFromSeed('gas', seed).publicKey)
  const { address } = WalletContractV5R1.create({ workchain: 0, publicKey })
  const to = address.toString({ bounceable: false })
  await devRpc(endpoint, fetch).faucet({ address: to, amount: GAS_FUND_TON })
}

async function digestOf(engine: RunnerConfig['engine']): Promise<string> {
  const bytes = engine.kind === 'demo' ? await readFile(engine.weightsPath) : engine.kind
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`
}

function secret(): Bytes {
  return crypto.getRandomValues(new Uint8Array(SECRET_BYTES))
}

/** The first runner that the gateway accepted. */
async function awaitRunner(gateway: string): Promise<{ id: string; origin: string }> {
  const began = performance.now()
  while (performance.now() - began < REGISTERED_MS_MAX) {
    const response = await fetch(`${gateway}/v1/runners`)
    // Sound: openapi.yaml says so, and a test validates the route against it.
    const { data } = (await response.json()) as { data: { id: string; origin: string }[] }
    const [first] = data
    if (first !== undefined) return first
    await new Promise((next) => setTimeout(next, 50))
  }
  throw new Error('the simulated runner was not admitted in time')
}
