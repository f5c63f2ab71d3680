import { CodedError } from '#base/coded-error.ts'
import type { Nano } from '#base/nano.ts'
import type { Modality } from '#protocol'
import { PROGRAMS, type ProgramName } from './engine/managed/programs.ts'
import { parseScript } from './engine/scripted.ts'
import type { Settings, SettingValues } from './settings.ts'
import { SETTINGS } from './settings.ts'

/** Everything that a runner is told from outside. Plain data: it crosses process borders as it is. */
export interface RunnerConfig {
  readonly production: boolean
  readonly transport: TransportConfig
  /** Origins of the gateways to register with. */
  readonly gateways: readonly string[]
  /** Raw TON address of the host. */
  readonly payee: string
  readonly model: ModelConfig
  readonly engine: EngineConfig
  /** Requests served at once. */
  readonly capacity: number
  readonly outboxPath: string
  /** Most unpaid work for one gateway (H20). */
  readonly creditLimit: Nano
  /** Lifetime of a keyset in seconds, at most a day (M9). */
  readonly keysetSeconds: number
}

/** How gateways reach this runner: they call it, or it dials out and needs no open port. */
export type TransportConfig =
  | {
      readonly kind: 'direct'
      readonly listen: { readonly host: string; readonly port: number }
      /** What gateways call; undefined takes the address that it listens on (development). */
      readonly url: string | undefined
    }
  | { readonly kind: 'tunnel' }

export interface ModelConfig {
  readonly id: string
  /** `sha256:<hex>` of the weights; undefined takes the digest of the engine's weights file. */
  readonly weights: string | undefined
  /** Undefined takes what the engine tells. */
  readonly contextLength: number | undefined
  /** Undefined takes the context length. */
  readonly maxOutputTokens: number | undefined
  readonly priceCoefficientBps: number
  /** What the model takes, where its engine does not tell. */
  readonly inputModalities: readonly Modality[]
}

export type EngineConfig =
  | {
      readonly kind: 'managed'
      readonly program: ProgramName
      /** Folders in which the program is looked for. */
      readonly path: string
      /** A file, or a folder as Hugging Face gives it out. */
      readonly weightsPath: string
      /** Another user without a network (H13). */
      readonly confined: boolean
    }
  | { readonly kind: 'demo'; readonly weightsPath: string }
  | {
      readonly kind: 'openai-url'
      readonly url: string
      readonly apiKey: string | undefined
      readonly engineModel: string | undefined
    }
  | { readonly kind: 'scripted'; readonly script: string }

/** `invalid`: the message names every bad setting; fix them. */
export class ConfigError extends CodedError<'invalid'> {
  override readonly name = 'ConfigError'
}

export interface SettingSources {
  /** From the measured image, or from a developer's environment and command line. */
  readonly image: Settings
  /** From the untrusted host: in production only what `SETTINGS` marks as the host's. */
  readonly host: Settings
}

/** Environment variables that redirect traffic or code of the process, refused in production (C3). */
const DANGEROUS_ENVIRONMENT: ReadonlySet<string> = new Set([
  'HTTP_PROXY',
  'HTTPS_PROXY',
  'ALL_PROXY',
  'http_proxy',
  'https_proxy',
  'all_proxy',
  'NODE_OPTIONS',
  'NODE_EXTRA_CA_CERTS',
  'NODE_TLS_REJECT_UNAUTHORIZED',
  'SSLKEYLOGFILE',
  'NODE_DEBUG',
])

/** The variables of an environment that the runner takes or refuses; it reads no other. */
export function runnerEnvironment(env: Settings): Settings {
  const concerns = (name: string): boolean =>
    Object.hasOwn(SETTINGS, name) || DANGEROUS_ENVIRONMENT.has(name)
  return Object.fromEntries(Object.entries(env).filter(([name]) => concerns(name)))
}

/**
 * Reads settings by name, applies defaults, checks each and then all of them together.
 * @throws ConfigError that names every bad setting at once
 */
export function readRunnerConfig({ image, host }: SettingSources): RunnerConfig {
  const isProduction = image['RUNNER_ENV'] !== 'development'
  const problems = isProduction ? findDangers(image, host) : []
  const values = readSettings({ ...image, ...host }, isProduction, problems)
  const engine = values === undefined ? undefined : chooseEngine(values, isProduction, problems)
  const transport =
    values === undefined ? undefined : chooseTransport(values, isProduction, problems)
  const isWhole = values !== undefined && engine !== undefined && transport !== undefined
  if (!isWhole || problems.length > 0) {
    throw new ConfigError('invalid', problems.join('; '))
  }
  return {
    production: isProduction,
    transport,
    gateways: values.GATEWAYS,
    payee: values.WALLET,
    model: {
      id: values.MODEL,
      weights: values.WEIGHTS_DIGEST,
      contextLength: values.CONTEXT_LENGTH,
      maxOutputTokens: values.MAX_OUTPUT_TOKENS,
      priceCoefficientBps: values.PRICE_COEFFICIENT_BPS,
      inputModalities: values.INPUT_MODALITIES,
    },
    engine,
    capacity: values.CAPACITY,
    outboxPath: values.OUTBOX_PATH,
    creditLimit: values.CREDIT_LIMIT_TON,
    keysetSeconds: values.KEYSET_SECONDS,
  }
}

function readSettings(
  texts: Settings,
  isProduction: boolean,
  problems: string[],
): SettingValues | undefined {
  const values: Record<string, unknown> = {}
  for (const [name, setting] of Object.entries(SETTINGS)) {
    const text = texts[name] === '' ? undefined : texts[name]
    try {
      const value = setting.parse(text ?? setting.fallback)
      // Sound: a setting's production rule takes what its own parser gave.
      if (isProduction) setting.production(value as never)
      values[name] = value
    } catch (error) {
      problems.push(`${name} ${error instanceof RangeError ? error.message : 'is malformed'}`)
    }
  }
  // Sound: without problems every name of the table was parsed by its own parser.
  return problems.length === 0 ? (values as SettingValues) : undefined
}

function chooseTransport(
  { RUNNER_LISTEN: listen, RUNNER_URL: url }: SettingValues,
  isProduction: boolean,
  problems: string[],
): TransportConfig | undefined {
  if (listen === undefined && url === undefined) return { kind: 'tunnel' }
  if (listen !== undefined && (url !== undefined || !isProduction)) {
    return { kind: 'direct', listen, url }
  }
  problems.push('RUNNER_LISTEN and RUNNER_URL go together; without both the runner dials out')
  return undefined
}

function chooseEngine(
  values: SettingValues,
  isProduction: boolean,
  problems: string[],
): EngineConfig | undefined {
  const { ENGINE_URL: url, ENGINE_SCRIPT: script, WEIGHTS_PATH: weightsPath } = values
  if ([url, script, weightsPath].filter((value) => value !== undefined).length !== 1) {
    problems.push('set exactly one of ENGINE_URL, WEIGHTS_PATH, ENGINE_SCRIPT')
    return undefined
  }
  if (weightsPath !== undefined) return chooseWeights(values, weightsPath, isProduction, problems)
  if (values.WEIGHTS_DIGEST === undefined) {
    problems.push('WEIGHTS_DIGEST is missing: nobody measures the weights of a foreign engine')
  }
  if (url !== undefined) {
    const { ENGINE_API_KEY: apiKey, ENGINE_MODEL: engineModel } = values
    return { kind: 'openai-url', url, apiKey, engineModel }
  }
  if (script === undefined || parseScript(script) === undefined) {
    problems.push('ENGINE_SCRIPT must look like c100g10')
    return undefined
  }
  return { kind: 'scripted', script }
}

function chooseWeights(
  { ENGINE: name, ENGINE_PATH: path, CONTEXT_LENGTH: contextLength }: SettingValues,
  weightsPath: string,
  isProduction: boolean,
  problems: string[],
): EngineConfig {
  const program = MANAGED.find((known) => known === name)
  if (program === undefined) return { kind: 'demo', weightsPath }
  if (program === 'llama-server' && contextLength === undefined) {
    problems.push('CONTEXT_LENGTH is missing: llama-server divides its context by it')
  }
  return { kind: 'managed', program, path, weightsPath, confined: isProduction }
}

// Sound: the keys of a table of constants.
const MANAGED = Object.keys(PROGRAMS) as readonly ProgramName[]

function findDangers(image: Settings, host: Settings): string[] {
  const dangerous = [...DANGEROUS_ENVIRONMENT].filter(
    (name) => (image[name] ?? '') !== '' || (host[name] ?? '') !== '',
  )
  const allowed = new Map(Object.entries(SETTINGS).map(([name, { host: ok }]) => [name, ok]))
  const foreign = Object.keys(host).filter(
    (name) => allowed.get(name) !== true && !DANGEROUS_ENVIRONMENT.has(name),
  )
  return [
    ...dangerous.map((name) => `${name} is refused in production`),
    ...foreign.map((name) => `${name.slice(0, 64)} may not come from the host`),
  ]
}
