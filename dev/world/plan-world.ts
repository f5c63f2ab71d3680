import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
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
import { deployContracts } from './deploy-contracts.ts'
import type { GatewaySettings } from './gateway-process.ts'
import type { Ports } from './ports.ts'
import type { RunnerSettings } from './runner-process.ts'
import {
  exportSimulatedTee,
  makeSimulatedTee,
  SIMULATED_MACHINES,
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
  /** Where the gateway's database is; absent: in that folder. */
  readonly databasePath?: string
  /** A file for what the gateway logs; absent: with the output of this process. */
  readonly gatewayLog?: string
  readonly engine?: WorldEngine
  /** What the ready-made account is topped up with, in TON. */
  readonly depositTon?: string
  /** Simulated machines with a runner each; the second has an Intel processor. `startWorld` starts at most two. */
  readonly machines?: number
  readonly capacity?: number
  /** The first machine dials out too. */
  readonly isBehindNat?: boolean
  /** Where the second machine stands: a command that runs one there, and the gateway as seen from there. */
  readonly elsewhere?: { readonly inside: readonly string[]; readonly gateway: string }
  /** Charge on chain from this much on, in TON; absent: at once, however little it is. */
  readonly minChargeTon?: string
  /** Opens the gateway's metrics to whoever has it. */
  readonly metricsToken?: string
  /** Where the gateway runs; absent: Node. */
  readonly platform?: 'node' | 'workerd'
  /** Told of each step, for people. */
  readonly progress?: (step: string) => void
}

const ROOT = join(import.meta.dirname, '..', '..')
const DEMO_WEIGHTS = join(ROOT, 'models', 'tiny-demo.gguf')
const DEMO: WorldEngine = {
  model: 'tiny-demo',
  engine: { kind: 'demo', weightsPath: DEMO_WEIGHTS },
  weights: undefined,
}
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

/** Everything that is decided before gateway and runners start. */
export interface WorldPlan {
  readonly tee: SimulatedTee
  readonly till: string
  readonly registry: string
  readonly payee: string
  readonly model: string
  readonly adminKey: string
  readonly gateway: GatewaySettings
  /** One per machine. */
  readonly runners: readonly RunnerSettings[]
}

/** Makes keys, machines and contracts, and the settings of every part. */
export async function planWorld(
  options: WorldOptions,
  endpoint: string,
  progress: (step: string) => void,
): Promise<WorldPlan> {
  const { model, engine, weights } = options.engine ?? DEMO
  const weightsDigest = weights ?? (await digestOf(engine))
  const machines = Math.max(options.machines ?? 1, SIMULATED_MACHINES)
  const tee = await makeSimulatedTee(Math.floor(Date.now() / 1000), machines)
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
      ...simulation.images.map((image) => ({ kind: 'image' as const, hash: fromHex(image) })),
      { kind: 'model', hash: fromHex(await modelHash(model, weightsDigest)) },
    ],
  })
  const payee = openDevWallet(endpoint, 'host').address.toRawString()
  const adminKey = Buffer.from(secret()).toString('base64url')
  const config: GatewayConfig = {
    production: false,
    listen: { host: '127.0.0.1', port: options.ports.gateway },
    publicUrl: undefined,
    tls: undefined,
    drainSeconds: 10,
    runnerDomain: undefined,
    runnerOriginPorts: [options.ports.runnerOrigin, options.ports.secondRunnerOrigin],
    databasePath: options.databasePath ?? join(options.folder, 'gateway.db'),
    databaseUrl: undefined,
    collateralPath: join(options.folder, 'collateral'),
    secret: secret(),
    chain: {
      endpoint,
      apiKey: undefined,
      witnesses: [],
      webEndpoints: [endpoint],
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
    rates: { ticker: 'TON', usd: undefined, tickers: [] },
    hostProof: 'off',
    maxCoefficientBps: 20_000,
    plaintext: 'allow',
    tee: false,
    gpu: 'required',
    denials: [],
    adminKey,
    metricsToken: options.metricsToken,
    maxBodyBytes: 32 * 1024 * 1024,
    bodyMemory: 512 * 1024 * 1024,
    maxConnections: 10_000,
    accountConcurrency: 10_000,
    accountsPerHour: 0,
    trustedProxies: [],
    queue: { requests: 1_000, seconds: 30 },
    logLevel: 'warn',
    traces: undefined,
  }
  return {
    tee,
    till,
    registry,
    payee,
    model,
    adminKey,
    gateway: { config, anchors: simulation.anchors, collateral: simulation.collateral },
    runners: await planRunners(options, tee, { payee, model, engine, weights: weightsDigest }),
  }
}

interface Served {
  readonly payee: string
  readonly model: string
  readonly engine: RunnerConfig['engine']
  readonly weights: string
}

async function planRunners(
  options: WorldOptions,
  tee: SimulatedTee,
  serves: Served,
): Promise<readonly RunnerSettings[]> {
  const data = await exportSimulatedTee(tee)
  // The first is called by the gateway, the others dial out where they can: a world of two has both ways.
  const other = options.platform === 'workerd' ? 0 : undefined
  return Array.from({ length: options.machines ?? 1 }, (_, machine) => ({
    config: {
      ...runnerConfig(options, serves, {
        port: machine === 0 && options.isBehindNat !== true ? options.ports.runner : other,
        outbox: `runner-outbox-${machine}`,
      }),
      ...(machine === 1 && options.elsewhere !== undefined
        ? { gateways: [options.elsewhere.gateway] }
        : {}),
    },
    tee: data,
    machine,
  }))
}

function runnerConfig(
  { ports, folder, capacity = DEFAULT_CAPACITY }: WorldOptions,
  serves: Served,
  /** Without a port the runner dials out. */
  own: { readonly port: number | undefined; readonly outbox: string },
): RunnerConfig {
  return {
    production: false,
    transport:
      own.port === undefined
        ? { kind: 'tunnel' }
        : { kind: 'direct', listen: { host: '127.0.0.1', port: own.port }, url: undefined },
    gateways: [`http://127.0.0.1:${ports.gateway}`],
    payee: serves.payee,
    model: {
      id: serves.model,
      weights: serves.weights,
      contextLength: undefined,
      maxOutputTokens: undefined,
      priceCoefficientBps: 10_000,
      inputModalities: ['text'],
    },
    engine: serves.engine,
    capacity,
    outboxPath: join(folder, own.outbox),
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
