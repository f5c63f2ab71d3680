import { setTimeout as wait } from 'node:timers/promises'
import { getRequestListener } from '@hono/node-server'
import type { Clock, Random } from '#base/brand.ts'
import { signerFromSeed } from '#protocol/node'
import { createApp } from '../app.ts'
import type { Machine } from '../attest/machine.ts'
import type { TlsKey } from '../attest/self-identity.ts'
import type { SimulationTrust } from '../compose/compose-market.ts'
import { refuseStraySimulation } from '../compose/refuse-stray-simulation.ts'
import { type GatewayConfig, isLoopback } from '../config.ts'
import type { AccountId, RunnerId } from '../db/ids.ts'
import type { Migration } from '../db/migrate.ts'
import { clientAddress } from '../http/client-address.ts'
import { addressByHost } from '../http/runner-address.ts'
import type { Timer } from '../inference/journey.ts'
import type { ExchangeDeps } from '../inference/serve-exchange.ts'
import type { BodyBudget } from '../limits/body-budget.ts'
import type { Log } from '../log.ts'
import type { Provider } from '../money/chain-health.ts'
import { openProviders } from '../money/open-chain.ts'
import type { ServePages } from '../pages.ts'
import { openCluster } from '../postgres/open-cluster.ts'
import { createDirectory } from '../runners/directory.ts'
import { restoreLeases } from '../runners/restore-leases.ts'
import { createSpanExporter } from '../telemetry/export-spans.ts'
import type { Backing } from './backing.ts'
import { type Built, build } from './build.ts'
import { readCertificate, renewalJob, tlsKeyOf } from './certificate.ts'
import {
  type HttpServer,
  openHttpServer,
  type RequestHandler,
  type Upgrades,
} from './http-server.ts'
import { createInferenceListener, type Listener } from './inference-listener.ts'
import { refuseBadUrl } from './refuse-bad-url.ts'
import { domainOrigins, type NodeOrigins, portOrigins } from './runner-origins.ts'
import { openSqliteBacking } from './sqlite-backing.ts'
import { startJobs } from './start-jobs.ts'
import { stopGateway } from './stop-gateway.ts'
import { asksForTunnel, createTunnelDoor } from './tunnel/accept-tunnel.ts'
import { createTunnels } from './tunnel/tunnels.ts'
import { untilLeaving } from './until-leaving.ts'
import { createUpstream } from './upstream.ts'

export interface GatewayDeps {
  readonly clock: Clock
  readonly timer: Timer
  readonly random: Random
  /** 0 to 1, for jitter. */
  readonly chance: () => number
  /** Calls back once a period, for the time-outs of requests. @returns stops it */
  readonly everyTick: (periodMs: number, tick: () => void) => () => void
  readonly fetch: typeof fetch
  readonly log: Log
  /** Of the kind of database that the configuration names. */
  readonly migrations: readonly Migration[]
  /** Text of openapi.yaml. */
  readonly openapi: string
  /** Draws the web page at `/`; undefined: the API alone. */
  readonly pages?: ServePages
  /** The confidential machine that this process runs in. */
  readonly machine?: Machine
  /** Roots and collateral of simulated hardware. Refused unless chain and listener are on this machine (H17). */
  readonly simulation?: SimulationTrust
}

export interface RunningGateway {
  /** Where it is reached; its name in signed messages. */
  readonly origin: string
  /** Runners' own origins, as far as they have registered. */
  runnerOrigins(): ReadonlyMap<RunnerId, string>
  /** Takes nothing new, finishes answers for up to `drainMs` (default: as configured), then stops. */
  close(drainMs?: number): Promise<void>
}

/**
 * Starts a gateway on Node.
 * 1. store and migrations  2. the listener, whose port may be its name  3. the parts  4. leases of before, judged anew
 * 5. jobs
 * @throws ConfigError, or the system's error for a busy port
 */
export async function startGateway({
  config,
  deps,
}: {
  readonly config: GatewayConfig
  readonly deps: GatewayDeps
}): Promise<RunningGateway> {
  refuseStraySimulation(config, deps.simulation)
  const leaving = new AbortController()
  const calls = untilLeaving(deps.fetch, leaving.signal)
  const providers = openProviders({ ...deps, ...calls }, config.chain)
  const backing = await openBacking(config, providers, deps)
  try {
    return await startOn(backing, { config, deps, providers, leaving })
  } catch (error) {
    // A shared one has threads and connections, which would keep the process.
    await backing.close()
    throw error
  }
}

/** A chain that hangs holds up no jobs, time-outs or tunnels for longer: leases then come back once it answers. */
const RESTORE_MS = 10_000

async function startOn(
  backing: Backing,
  {
    config,
    deps,
    providers,
    leaving,
  }: {
    readonly config: GatewayConfig
    readonly deps: GatewayDeps
    readonly providers: readonly [Provider, ...Provider[]]
    readonly leaving: AbortController
  },
): Promise<RunningGateway> {
  const [{ chain }] = providers
  let handle: RequestHandler = notReady
  let takeTunnel: Upgrades['take'] = (_request, socket) => socket.destroy()
  const { host, port } = config.listen
  const files = config.tls
  const certificate = files === undefined ? undefined : await readCertificate(files)
  const server = await openHttpServer({
    host,
    port,
    certificate,
    maxConnections: config.maxConnections,
    handler: (req, res) => handle(req, res),
    upgrades: { wanted: asksForTunnel, take: (...upgrade) => takeTunnel(...upgrade) },
  })
  const closing = new AbortController()
  const directory = createDirectory()
  const tunnels = createTunnels({
    log: deps.log,
    nowMs: () => performance.now(),
    isKnown: (runner) => directory.find(runner) !== undefined,
    onChange: (runner, isOpen) => {
      const load = directory.find(runner)?.load
      if (load !== undefined) load.hasTunnel = isOpen
    },
  })
  const upstream = createUpstream({ loopback: !config.production, tunnels })
  let listener: Listener | undefined
  const origins = openOrigins(config, () => listener)
  return orClose([server, origins, tunnels, upstream], async () => {
    const built = build({
      ...deps,
      config,
      publicUrl: config.publicUrl ?? server.origin,
      backing,
      offers: await backing.models.all(),
      directory,
      upstream,
      origins,
      chain,
      providers,
      simulation: deps.simulation,
      pages: deps.pages,
      machine: deps.machine,
      tlsKeys: () => tlsKeys(server, config.publicUrl ?? server.origin),
      closing: closing.signal,
    })
    const spans =
      config.traces === undefined
        ? undefined
        : createSpanExporter(config.traces, { ...deps, metrics: built.app.inference.metrics })
    const { bodies } = built
    listener = openListener(config, built, { closing: closing.signal, trace: spans?.trace, bodies })
    handle = mainHandler(config, built, { listener, bodies })
    await Promise.race([
      restoreLeases(built.app.runners),
      wait(RESTORE_MS, undefined, { ref: false }),
    ])
    await built.app.self?.appraise()
    takeTunnel = createTunnelDoor({ runners: built.app.runners, tunnels, closing: closing.signal })
    const others = [
      ...(await backing.openMoney(built.app.runners.ledger, built.money)),
      ...(files === undefined || certificate === undefined
        ? []
        : [renewalJob(files, server, certificate)]),
    ]
    const jobs = startJobs(built, { backing, others, spans }, deps)
    const parts = { built, server, origins, jobs, upstream, tunnels, backing, closing, leaving }
    let stopped: Promise<void> | undefined
    return {
      origin: config.publicUrl ?? server.origin,
      runnerOrigins: () => origins.list(),
      // Whoever asks again waits for the same end.
      close: (drainMs = config.drainSeconds * 1_000) => {
        stopped ??= stopGateway(parts, drainMs)
        return stopped
      },
    }
  })
}

/** What listens, or holds connections, would keep a process whose start has failed. */
async function orClose<T>(
  parts: readonly { close(drainMs: number): Promise<void> }[],
  start: () => Promise<T>,
): Promise<T> {
  try {
    return await start()
  } catch (error) {
    await Promise.all(parts.map((part) => part.close(0)))
    throw error
  }
}

function tlsKeys(server: HttpServer, publicUrl: string): readonly TlsKey[] {
  const certificate = server.certificate()
  return certificate === undefined ? [] : [tlsKeyOf(certificate, new URL(publicUrl).hostname)]
}

const notReady: RequestHandler = (_request, response) => {
  response.writeHead(503, { 'retry-after': '1' }).end()
}

function openOrigins(config: GatewayConfig, listener: () => Listener | undefined): NodeOrigins {
  if (config.runnerDomain !== undefined) return domainOrigins(config.runnerDomain)
  return portOrigins({
    host: config.listen.host,
    ports: config.runnerOriginPorts,
    maxConnections: config.maxConnections,
    handlerOf: (runner) => (request, response) => {
      // A listener takes every request at a runner's own origin.
      if (listener()?.(request, response, runner) !== true) notReady(request, response)
    },
  })
}

function openListener(
  config: GatewayConfig,
  { app }: Built,
  given: Pick<ExchangeDeps, 'closing' | 'trace'> & { readonly bodies: BodyBudget },
): Listener {
  const { maxBodyBytes } = config
  const { authenticator, inference } = app
  const { trustedProxies } = app.strangers
  const limits = { maxBodyBytes, trustedProxies }
  return createInferenceListener({ ...inference, authenticator, ...limits, ...given })
}

/** Inference and runners' addresses first, everything else through Hono. */
function mainHandler(
  { runnerDomain }: GatewayConfig,
  { app }: Built,
  { listener, bodies }: { readonly listener: Listener; readonly bodies: BodyBudget },
): RequestHandler {
  const hono = createApp(app)
  const { trustedProxies } = app.strangers
  const listen = getRequestListener(
    async (request, { incoming }) => {
      const remote = incoming.socket.remoteAddress
      const room = bodies.open()
      const takeBody = (bytes: number, account: AccountId | undefined): void => {
        const forwarded = request.headers.get('x-forwarded-for') ?? undefined
        const address = clientAddress(remote, forwarded, trustedProxies)
        room.take(account === undefined ? { address } : { account }, bytes)
      }
      try {
        return await hono.fetch(request, { isLocal: isLoopback(remote ?? ''), remote, takeBody })
      } finally {
        // Whoever answers has read it.
        room.giveBack()
      }
    },
    // Checks of balancers over HTTP/1.0 name no host.
    { overrideGlobalObjects: false, hostname: 'localhost', errorHandler: refuseBadUrl },
  )
  return (request, response) => {
    const own =
      runnerDomain === undefined ? undefined : addressByHost(request.headers.host, runnerDomain)
    if (!listener(request, response, own)) void listen(request, response)
  }
}

async function openBacking(
  config: GatewayConfig,
  [{ chain }, ...others]: readonly [Provider, ...Provider[]],
  deps: GatewayDeps,
): Promise<Backing> {
  const { migrations, chance, clock, timer, log } = deps
  if (config.databaseUrl !== undefined) return openCluster(config, config.databaseUrl, deps)
  const witnesses = others.map((other) => other.chain)
  const money = { config, chain, witnesses, signerFromSeed, chance, clock }
  return openSqliteBacking(migrations, money, { timer, log })
}
