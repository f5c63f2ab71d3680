import { readFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { toSeconds, unixMs } from '#base/brand.ts'
import { base64url } from '#base/bytes.ts'
import { parseTon } from '#base/nano.ts'
import {
  ClientError,
  type ConnectOptions,
  connect as connectTo,
  parseSimulation,
  type Simulation,
  type Verification,
} from '#client'
import { requireLoopback, startProxy } from '#client/proxy'
import { nodeProvider } from '#protocol/node'
import { type Command, type CommandIo, EXIT, UsageError } from '../command.ts'

const USAGE = `cocoon connect: a local OpenAI-compatible address that seals every prompt to hardware it verified itself.

  cocoon connect --gateway https://gateway.example/v1 --ton-endpoint URL --ton-endpoint URL
  cocoon connect --dev                      the world that npm start runs on this machine

Point any OpenAI client at http://127.0.0.1:8788/v1. What cannot be sealed is refused, never sent in the clear.

  --gateway URL            base URL of the gateway, ends in /v1
  --ton-endpoint URL       toncenter-compatible JSON-RPC; twice, of different operators: they must agree
  --registry ADDRESS       raw address of the Registry; default: the one pinned by this release
  --port N                 default 8788
  --listen ADDRESS         default 127.0.0.1; any other address opens the proxy to other machines
  --host-name NAME         a further name under which clients reach it (repeatable)
  --origin ORIGIN          a web page that may call it, for example http://localhost:3000 (repeatable)
  --max-cost TON           most that one request may cost; default 1
  --simulation FILE        roots of a development world: its evidence proves nothing
  --trust-gateway-allowlist   take the gateway's word for what is trusted (development)
  --dev [FILE]             read all of this from .cocoon/dev.json and accept its simulated evidence

COCOON_API_KEY: the proxy keeps the key and prints a token for its clients. Without it, clients bring their own key.`

const DEFAULT_PORT = 8788
const DEV_FILE = '.cocoon/dev.json'
const TOKEN_BYTES = 24

export const connect: Command = {
  summary: 'a local address that seals prompts to verified hardware',
  usage: USAGE,
  run: runConnect,
}

/** 1. settings  2. verify  3. listen, until the user stops it */
async function runConnect(io: CommandIo): Promise<number> {
  const flags = parseFlags(io.args)
  const settings = await readSettings(io, flags)
  try {
    requireLoopback(flags.listen, flags.listenGiven)
    const connection = await connectTo({ ...settings, provider: nodeProvider })
    const token = settings.apiKey === undefined ? undefined : newToken()
    const proxy = await startProxy(connection, {
      host: flags.listen,
      port: flags.port,
      origins: flags.origins,
      hostNames: flags.hostNames,
      token,
    })
    tell(io, { origin: proxy.origin, token, verification: connection.verification })
    await untilStopped(io.stopped)
    connection.close()
    await proxy.close()
    return EXIT.ok
  } catch (error) {
    if (!(error instanceof ClientError)) throw error
    io.err(`cocoon connect: ${error.code}: ${error.message}`)
    return EXIT.failed
  }
}

interface Flags {
  readonly gateway: string | undefined
  readonly endpoints: readonly string[]
  readonly registry: string | undefined
  readonly port: number
  readonly listen: string
  readonly listenGiven: boolean
  readonly hostNames: readonly string[]
  readonly origins: readonly string[]
  readonly maxCost: string | undefined
  readonly simulation: string | undefined
  readonly trustGateway: boolean
  readonly dev: string | undefined
}

function parseFlags(args: readonly string[]): Flags {
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
    simulation: values.simulation,
    trustGateway: values['trust-gateway-allowlist'] === true,
    dev: values.dev === true ? (file ?? DEV_FILE) : undefined,
  }
}

function parsedArgs(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
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
        simulation: { type: 'string' },
        'trust-gateway-allowlist': { type: 'boolean' },
        dev: { type: 'boolean' },
      },
    })
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : 'wrong flags')
  }
}

function pageOrigin(text: string): string {
  if (URL.canParse(text) && new URL(text).origin === text) return text
  throw new UsageError('--origin is scheme, host and port only, like http://localhost:3000')
}

async function readSettings(io: CommandIo, flags: Flags): Promise<ConnectOptions> {
  const dev = flags.dev === undefined ? undefined : await readDev(resolve(io.cwd, flags.dev))
  const baseURL = flags.gateway ?? dev?.baseUrl
  if (baseURL === undefined) throw new UsageError('--gateway URL is missing (or --dev)')
  const endpoints = flags.endpoints.length > 0 ? flags.endpoints : (dev?.endpoints ?? [])
  const address = flags.registry ?? dev?.registry
  const simulation =
    flags.simulation === undefined
      ? dev?.simulation
      : await readSimulation(resolve(io.cwd, flags.simulation))
  const apiKey = io.env['COCOON_API_KEY'] ?? dev?.apiKey
  return {
    baseURL,
    ...(apiKey === undefined ? {} : { apiKey }),
    ...(endpoints.length === 0
      ? {}
      : { registry: { endpoints, ...(address === undefined ? {} : { address }) } }),
    ...(flags.trustGateway ? { trustGatewayAllowlist: true } : {}),
    ...(simulation === undefined ? {} : { simulation, allowSimulated: true }),
    ...(flags.maxCost === undefined ? {} : { maxCost: amount(flags.maxCost) }),
  }
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
  readonly simulation: Simulation
}

async function readDev(path: string): Promise<DevWorld> {
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
    simulation: await readSimulation(resolve(dirname(path), 'simulation.json')),
  }
}

async function readSimulation(path: string): Promise<Simulation> {
  const json = await readJson(path, 'a development world writes it')
  return parseSimulation(json, toSeconds(unixMs(Date.now())))
}

async function readJson(path: string, origin: string): Promise<unknown> {
  try {
    const value: unknown = JSON.parse(await readFile(path, 'utf8'))
    return value
  } catch {
    throw new UsageError(`cannot read ${path} (${origin})`)
  }
}

function newToken(): string {
  return base64url(crypto.getRandomValues(new Uint8Array(TOKEN_BYTES)))
}

function tell(
  io: CommandIo,
  ready: {
    readonly origin: string
    readonly token: string | undefined
    readonly verification: Verification
  },
): void {
  const { origin, token, verification } = ready
  const { status, runners, allowlist, warnings } = verification
  const models = [...new Set(runners.map(({ model }) => model))].join(', ')
  io.out(`base URL   ${origin}/v1`)
  io.out(`API key    ${token ?? 'your own (the proxy keeps none)'}`)
  io.out(`status     ${origin}/`)
  io.out(`evidence   ${status}: ${runners.length} runner(s), models ${models}`)
  io.out(`allowlist  ${allowlist.source}, version ${allowlist.version}`)
  for (const warning of warnings) io.out(`warning    ${warning}`)
}

function untilStopped(stopped: AbortSignal): Promise<void> {
  if (stopped.aborted) return Promise.resolve()
  return new Promise((done) => stopped.addEventListener('abort', () => done(), { once: true }))
}
