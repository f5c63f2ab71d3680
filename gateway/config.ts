import { type Bytes, hex } from '#base/bytes.ts'
import { CodedError } from '#base/coded-error.ts'
import type { Nano } from '#base/nano.ts'
import { type TonAddress, tonAddress } from './db/ids.ts'
import type { PlaintextRule } from './inference/deps.ts'
import type { LogLevel } from './log.ts'
import type { ModelSeed } from './model-seed.ts'
import type { RateSettings } from './money/open-rates.ts'
import type { HostProofRule } from './runners/host-proof-rule.ts'
import { SETTINGS, type Settings, type SettingValues } from './settings.ts'
import type { TracesConfig } from './telemetry/export-spans.ts'

/** Everything that a gateway is told from outside. Plain data: it crosses process borders as it is. */
export interface GatewayConfig {
  readonly production: boolean
  readonly listen: { readonly host: string; readonly port: number }
  /** Its origin for the world, and its name in signed messages; undefined takes the listener's address (development). */
  readonly publicUrl: string | undefined
  /** Files of its own TLS; undefined: a proxy in front has it. */
  readonly tls: { readonly cert: string; readonly key: string } | undefined
  /** How long answers may go on after it is told to stop. */
  readonly drainSeconds: number
  readonly runnerDomain: string | undefined
  /** Loopback ports for runners' origins, when there is no domain. */
  readonly runnerOriginPorts: readonly number[]
  readonly databasePath: string
  /** A PostgreSQL server that several gateways share; undefined: the file. */
  readonly databaseUrl: string | undefined
  /** Folder that keeps the vendors' collateral between restarts. */
  readonly collateralPath: string
  /** 32 bytes. */
  readonly secret: Bytes
  readonly chain: {
    readonly endpoint: string
    readonly apiKey: string | undefined
    /** Independent endpoints that must agree before money is believed (M11). */
    readonly witnesses: readonly string[]
    /** Keyless endpoints that a visitor's browser may ask (C4). */
    readonly webEndpoints: readonly string[]
    readonly registry: TonAddress
    readonly till: TonAddress | undefined
    /** Ed25519 seed. */
    readonly meterSeed: Bytes | undefined
    /** Ed25519 seed of the wallet that pays for charges and payouts. */
    readonly gasSeed: Bytes | undefined
    readonly network: 'mainnet' | 'testnet'
    /** What is worth its gas. */
    readonly minCharge: Nano
    readonly minRedeem: Nano
  }
  /** How amounts are shown to people; nothing is computed with it. */
  readonly rates: RateSettings
  readonly models: readonly ModelSeed[]
  readonly commissionBps: number
  readonly maxCoefficientBps: number
  readonly plaintext: PlaintextRule
  /** Whether it runs in a confidential machine, whose evidence it shows. */
  readonly tee: boolean
  readonly gpu: 'required' | 'optional'
  readonly hostProof: HostProofRule
  readonly denials: readonly string[]
  readonly adminKey: string | undefined
  readonly metricsToken: string | undefined
  readonly maxBodyBytes: number
  /** Of the bodies of all requests under way, on Node. */
  readonly bodyMemory: number
  /** Of each listener at once. */
  readonly maxConnections: number
  /** Requests of one account at once. */
  readonly accountConcurrency: number
  /** Accounts that one client address may open within an hour; 0: no limit. */
  readonly accountsPerHour: number
  /** Addresses and networks whose word on the client's address is taken. */
  readonly trustedProxies: readonly string[]
  /** Requests that wait while every runner of their model is busy. */
  readonly queue: { readonly requests: number; readonly seconds: number }
  readonly logLevel: LogLevel
  /** Undefined exports none. */
  readonly traces: TracesConfig | undefined
}

/** `invalid`: the message names every bad setting; fix them. */
export class ConfigError extends CodedError<'invalid'> {
  override readonly name = 'ConfigError'
}

/** Of the largest size in memory at once: an account gets less than half of it, and one must fit. */
const LEAST_BODIES = 4

const LOOPBACK_HOSTS: ReadonlySet<string> = new Set([
  '127.0.0.1',
  '::1',
  '::ffff:127.0.0.1',
  'localhost',
])

/**
 * Reads settings by name, applies defaults, checks each and then all of them together.
 * @throws ConfigError that names every bad setting at once
 */
export function readGatewayConfig(env: Settings): GatewayConfig {
  const problems: string[] = []
  const values = readSettings(env, problems)
  if (values !== undefined) problems.push(...crossChecks(values))
  if (values === undefined || problems.length > 0) {
    throw new ConfigError('invalid', problems.join('; '))
  }
  return {
    production: values.GATEWAY_ENV === 'production',
    listen: { host: values.HOST, port: values.PORT },
    publicUrl: values.PUBLIC_URL,
    tls: tlsOf(values),
    drainSeconds: values.DRAIN_SECONDS,
    runnerDomain: values.RUNNER_DOMAIN,
    runnerOriginPorts: values.RUNNER_ORIGIN_PORTS,
    databasePath: values.DATABASE_PATH,
    databaseUrl: values.DATABASE_URL,
    collateralPath: values.COLLATERAL_PATH,
    secret: values.GATEWAY_SECRET,
    chain: {
      endpoint: values.TON_ENDPOINT,
      apiKey: values.TON_API_KEY,
      witnesses: values.TON_WITNESSES,
      webEndpoints: values.WEB_TON_ENDPOINTS,
      registry: tonAddress(values.REGISTRY_ADDRESS),
      till: values.TILL_ADDRESS === undefined ? undefined : tonAddress(values.TILL_ADDRESS),
      meterSeed: values.METER_KEY,
      gasSeed: values.GAS_KEY,
      network: values.TON_NETWORK,
      minCharge: values.MIN_CHARGE_TON,
      minRedeem: values.MIN_REDEEM_TON,
    },
    rates: { ticker: values.TICKER, usd: values.USD_RATE, tickers: values.RATE_TICKERS },
    models: values.MODELS,
    commissionBps: values.COMMISSION_BPS,
    maxCoefficientBps: values.MAX_PRICE_COEFFICIENT_BPS,
    plaintext: values.PLAINTEXT,
    tee: values.GATEWAY_TEE === 'on',
    gpu: values.GPU,
    hostProof: values.HOST_PROOF,
    denials: values.DENIED_HASHES,
    adminKey: values.ADMIN_KEY,
    metricsToken: values.METRICS_TOKEN,
    maxBodyBytes: values.MAX_BODY_BYTES,
    bodyMemory: values.MAX_BODY_MEMORY,
    maxConnections: values.MAX_CONNECTIONS,
    accountConcurrency: values.ACCOUNT_CONCURRENCY,
    accountsPerHour: values.ACCOUNTS_PER_HOUR,
    trustedProxies: values.TRUSTED_PROXIES,
    queue: { requests: values.MAX_QUEUED, seconds: values.QUEUE_SECONDS },
    logLevel: values.LOG_LEVEL,
    traces: tracesOf(values),
  }
}

function readSettings(env: Settings, problems: string[]): SettingValues | undefined {
  const values: Record<string, unknown> = {}
  for (const [name, setting] of Object.entries(SETTINGS)) {
    const text = env[name] === '' ? undefined : env[name]
    try {
      values[name] = setting.parse(text ?? setting.fallback)
    } catch (error) {
      problems.push(`${name} ${error instanceof RangeError ? error.message : 'is malformed'}`)
    }
  }
  // Sound: without problems every name of the table was parsed by its own parser.
  return problems.length === 0 ? (values as SettingValues) : undefined
}

function tlsOf({ TLS_CERT, TLS_KEY }: SettingValues): GatewayConfig['tls'] {
  if (TLS_CERT === undefined || TLS_KEY === undefined) return undefined
  return { cert: TLS_CERT, key: TLS_KEY }
}

/** By OpenTelemetry's rules: the signal's own endpoint as it is, the common one with the signal's path. */
function tracesOf(values: SettingValues): TracesConfig | undefined {
  const common = values.OTEL_EXPORTER_OTLP_ENDPOINT
  const url =
    values.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT ??
    (common === undefined ? undefined : `${common.replace(/\/$/, '')}/v1/traces`)
  if (url === undefined || values.OTEL_SDK_DISABLED === 'true') return undefined
  return {
    url,
    headers: values.OTEL_EXPORTER_OTLP_HEADERS,
    service: values.OTEL_SERVICE_NAME,
    ratio: values.OTEL_TRACES_SAMPLER_ARG,
  }
}

/** Rules over several settings; production refuses what only a developer's machine may do. */
function crossChecks(values: SettingValues): readonly string[] {
  const problems: string[] = []
  if (values.METER_KEY !== undefined && values.TILL_ADDRESS === undefined) {
    problems.push('METER_KEY needs TILL_ADDRESS')
  }
  if ((values.TLS_CERT === undefined) !== (values.TLS_KEY === undefined)) {
    problems.push('TLS_CERT and TLS_KEY need each other')
  }
  if (values.GAS_KEY !== undefined && values.METER_KEY === undefined) {
    problems.push('GAS_KEY needs METER_KEY')
  }
  if (
    values.GAS_KEY !== undefined &&
    hex(values.GAS_KEY) === hex(values.METER_KEY ?? new Uint8Array())
  ) {
    problems.push('GAS_KEY and METER_KEY must differ')
  }
  if (values.DATABASE_URL !== undefined && values.PUBLIC_URL === undefined) {
    problems.push('DATABASE_URL needs PUBLIC_URL: gateways that share a database have one name')
  }
  if (values.MAX_BODY_MEMORY < LEAST_BODIES * values.MAX_BODY_BYTES) {
    problems.push(`MAX_BODY_MEMORY must be at least ${LEAST_BODIES} times MAX_BODY_BYTES`)
  }
  if (values.PLAINTEXT === 'attested' && values.GATEWAY_TEE === 'off') {
    problems.push('PLAINTEXT=attested needs GATEWAY_TEE=on')
  }
  if (values.GATEWAY_ENV === 'development') {
    if (!isLoopback(values.HOST)) problems.push('HOST must be loopback in development')
    return problems
  }
  if (values.PUBLIC_URL?.startsWith('https:') !== true) {
    problems.push('PUBLIC_URL must be an https origin in production')
  }
  if (values.RUNNER_DOMAIN === undefined) problems.push('RUNNER_DOMAIN is missing')
  return problems
}

/** Whether only this machine reaches the address. */
export function isLoopback(host: string): boolean {
  return LOOPBACK_HOSTS.has(host)
}

/** Whether an endpoint is on this machine. */
export function isLocalUrl(url: string): boolean {
  return URL.canParse(url) && isLoopback(new URL(url).hostname.replace(/^\[|\]$/g, ''))
}
