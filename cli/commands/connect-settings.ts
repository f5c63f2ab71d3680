import { readFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { toSeconds } from '#base/brand.ts'
import { parseTon } from '#base/nano.ts'
import { type ChequeBook, type ConnectOptions, parseSimulation, type Simulation } from '#client'
import { type CommandIo, UsageError } from '../command.ts'
import { parseArguments } from '../parse-arguments.ts'
import { openChequeBook } from './connect-account.ts'

const DEFAULT_PORT = 8788
const DEV_FILE = '.cocoon/dev.json'

/** What `cocoon connect` was told. */
export interface ConnectFlags {
  readonly gateway: string | undefined
  readonly endpoints: readonly string[]
  readonly registry: string | undefined
  readonly port: number
  readonly listen: string
  readonly listenGiven: boolean
  readonly hostNames: readonly string[]
  readonly origins: readonly string[]
  readonly maxCost: string | undefined
  readonly pace: number | undefined
  readonly collateralDays: number | undefined
  readonly account: string | undefined
  readonly till: string | undefined
  readonly feeBps: number | undefined
  readonly simulation: string | undefined
  readonly trustGateway: boolean
  readonly dev: string | undefined
}

/** @throws UsageError */
export function parseFlags(args: readonly string[]): ConnectFlags {
  const { values, positionals } = parsedArgs(args)
  const port = Number(values.port ?? DEFAULT_PORT)
  if (!Number.isInteger(port) || port < 0 || port > 65_535) {
    throw new UsageError('--port is a number from 0 to 65535')
  }
  const [file, ...rest] = positionals
  if (rest.length > 0 || (file !== undefined && values.dev !== true)) {
    throw new UsageError('takes no argument but the FILE of --dev; see --help')
  }
  return {
    gateway: values.gateway,
    endpoints: values['ton-endpoint'] ?? [],
    registry: values.registry,
    port,
    listen: values.listen ?? '127.0.0.1',
    listenGiven: values.listen !== undefined,
    hostNames: values['host-name'] ?? [],
    origins: (values.origin ?? []).map(pageOrigin),
    maxCost: values['max-cost'],
    pace: numberOf(values.pace),
    collateralDays: numberOf(values['collateral-days']),
    account: values.account,
    till: values.till,
    feeBps: values['fee-bps'] === undefined ? undefined : basisPoints(values['fee-bps']),
    simulation: values.simulation,
    trustGateway: values['trust-gateway-allowlist'] === true,
    dev: values.dev === true ? (file ?? DEV_FILE) : undefined,
  }
}

function parsedArgs(args: readonly string[]) {
  return parseArguments(args, {
    allowPositionals: true,
    options: {
      gateway: { type: 'string' },
      'ton-endpoint': { type: 'string', multiple: true },
      registry: { type: 'string' },
      port: { type: 'string' },
      listen: { type: 'string' },
      'host-name': { type: 'string', multiple: true },
      origin: { type: 'string', multiple: true },
      'max-cost': { type: 'string' },
      pace: { type: 'string' },
      'collateral-days': { type: 'string' },
      account: { type: 'string' },
      till: { type: 'string' },
      'fee-bps': { type: 'string' },
      simulation: { type: 'string' },
      'trust-gateway-allowlist': { type: 'boolean' },
      dev: { type: 'boolean' },
    },
  })
}

/** What is no number is NaN, which the client names. */
function numberOf(text: string | undefined): number | undefined {
  return text === undefined ? undefined : Number(text)
}

function basisPoints(text: string): number {
  const value = Number(text)
  if (Number.isInteger(value) && value >= 0 && value <= 10_000) return value
  throw new UsageError('--fee-bps is a number from 0 to 10000')
}

function pageOrigin(text: string): string {
  if (URL.canParse(text) && new URL(text).origin === text) return text
  throw new UsageError('--origin is scheme, host and port only, like http://localhost:3000')
}

/** Flags, environment and the development world's file as the client takes them. @throws UsageError */
export async function readSettings(io: CommandIo, flags: ConnectFlags): Promise<ConnectOptions> {
  const dev = flags.dev === undefined ? undefined : await readDev(io, flags.dev)
  const baseURL = flags.gateway ?? dev?.baseUrl
  if (baseURL === undefined) throw new UsageError('--gateway URL is missing (or --dev)')
  const endpoints = flags.endpoints.length > 0 ? flags.endpoints : (dev?.endpoints ?? [])
  const address = flags.registry ?? dev?.registry
  const simulation =
    flags.simulation === undefined ? dev?.simulation : await readSimulation(io, flags.simulation)
  const apiKey = io.env['COCOON_API_KEY'] ?? dev?.apiKey
  const till = flags.till ?? dev?.till
  const cheques = await readCheques(io, flags, till)
  return {
    baseURL,
    ...(apiKey === undefined ? {} : { apiKey }),
    ...(endpoints.length === 0
      ? {}
      : { registry: { endpoints, ...(address === undefined ? {} : { address }) } }),
    ...(till === undefined ? {} : { till }),
    ...(cheques === undefined ? {} : { cheques }),
    ...(flags.trustGateway ? { trustGatewayAllowlist: true } : {}),
    ...(simulation === undefined ? {} : { simulation, allowSimulated: true }),
    ...(flags.maxCost === undefined ? {} : { maxCost: amount(flags.maxCost) }),
    ...(flags.pace === undefined ? {} : { paceMs: flags.pace }),
    ...(flags.collateralDays === undefined
      ? {}
      : { collateral: { maxAgeDays: flags.collateralDays } }),
  }
}

async function readCheques(
  io: CommandIo,
  { account, feeBps }: ConnectFlags,
  till: string | undefined,
): Promise<ChequeBook | undefined> {
  if (account === undefined) return undefined
  if (till === undefined || feeBps === undefined) {
    throw new UsageError(
      '--account needs --till ADDRESS and --fee-bps N: a cheque is signed over both',
    )
  }
  return openChequeBook({ file: resolve(io.cwd, account), till, feeBps })
}

function amount(text: string) {
  try {
    return parseTon(text)
  } catch {
    throw new UsageError('--max-cost is an amount of TON, like 0.5')
  }
}

interface DevWorld {
  readonly baseUrl: string
  readonly apiKey: string
  readonly endpoints: readonly string[]
  readonly registry: string
  readonly till: string
  readonly simulation: Simulation
}

async function readDev(io: CommandIo, file: string): Promise<DevWorld> {
  const path = resolve(io.cwd, file)
  const dev = await readJson(path, 'npm start writes it')
  const text = (name: string): string => {
    // Sound: members of unknown JSON, each checked before use.
    const value = (dev as Readonly<Record<string, unknown>> | null)?.[name]
    if (typeof value === 'string') return value
    throw new UsageError(`${path} has no ${name}: start the world again with npm start`)
  }
  return {
    baseUrl: text('baseUrl'),
    apiKey: text('apiKey'),
    endpoints: [text('chainUrl')],
    registry: text('registryAddress'),
    till: text('tillAddress'),
    simulation: await readSimulation(io, resolve(dirname(path), 'simulation.json')),
  }
}

async function readSimulation(io: CommandIo, file: string): Promise<Simulation> {
  const json = await readJson(resolve(io.cwd, file), 'a development world writes it')
  return parseSimulation(json, toSeconds(io.clock()))
}

async function readJson(path: string, origin: string): Promise<unknown> {
  try {
    const value: unknown = JSON.parse(await readFile(path, 'utf8'))
    return value
  } catch {
    throw new UsageError(`cannot read ${path} (${origin})`)
  }
}
