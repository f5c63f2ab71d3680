import { setTimeout as wait } from 'node:timers/promises'
import { getRequestListener } from '@hono/node-server'
import type { Clock, Random } from '#base/brand.ts'
import { createApp } from '../app.ts'
import type { SimulationTrust } from '../compose/compose-market.ts'
import { ConfigError, type GatewayConfig, isLocalUrl, isLoopback } from '../config.ts'
import type { RunnerId } from '../db/ids.ts'
import { type Migration, migrate } from '../db/migrate.ts'
import { addressByHost } from '../http/runner-address.ts'
import { createJobs, type Job } from '../jobs.ts'
import { codeOf, type Log } from '../log.ts'
import { openJsonRpc } from '../money/json-rpc.ts'
import { createMoneyJobs } from '../money/money-jobs.ts'
import { toncenter } from '../money/toncenter.ts'
import { TICK_MS } from '../relay/watchdog.ts'
import { appraiseLeases } from '../runners/appraise-leases.ts'
import { type Built, build } from './build.ts'
import { type HttpServer, openHttpServer, type RequestHandler } from './http-server.ts'
import { createInferenceListener, type Listener } from './inference-listener.ts'
import { openSqlite, type SqliteStore } from './open-sqlite.ts'
import { type RunningJobs, runJobs } from './run-jobs.ts'
import { domainOrigins, type NodeOrigins, portOrigins } from './runner-origins.ts'
import { createUpstream, type NodeUpstream } from './upstream.ts'

export interface GatewayDeps {
  readonly clock: Clock
  readonly random: Random
  /** 0 to 1, for jitter. */
  readonly chance: () => number
  readonly fetch: typeof fetch
  readonly log: Log
  readonly migrations: readonly Migration[]
  /** Text of openapi.yaml. */
  readonly openapi: string
  /** Roots and collateral of simulated hardware. Refused unless chain and listener are on this machine (H17). */
  readonly simulation?: SimulationTrust
}

export interface RunningGateway {
  /** Where it is reached; its name in signed messages. */
  readonly origin: string
  /** Runners' own origins, as far as they have registered. */
  runnerOrigins(): ReadonlyMap<RunnerId, string>
  /** Takes nothing new, finishes answers for up to `drainMs` (default 10 s), then stops. */
  close(drainMs?: number): Promise<void>
}

const DRAIN_MS = 10_000
const CHAIN_CALLS_PER_SECOND = { local: 1_000, withKey: 8, withoutKey: 1 }

/**
 * Starts a gateway on Node.
 * 1. store and migrations  2. the listener, whose port may be its name  3. the parts  4. leases of before, judged anew
 * 5. jobs
 * @throws ConfigError, MigrateError, or the system's error for a busy port
 */
export async function startGateway(options: {
  readonly config: GatewayConfig
  readonly deps: GatewayDeps
}): Promise<RunningGateway> {
  const { config, deps } = options
  refuseStraySimulation(config, deps)
  const store = openSqlite(config.databasePath)
  migrate(store, deps.migrations)
  let handle: RequestHandler = notReady
  const { host, port } = config.listen
  const server = await openHttpServer({ host, port, handler: (req, res) => handle(req, res) })
  const closing = new AbortController()
  const upstream = createUpstream({ loopback: !config.production })
  let listener: Listener | undefined
  const origins = openOrigins(config, () => listener)
  const { endpoint, apiKey, witnesses } = config.chain
  const chain = openChain(deps, endpoint, apiKey)
  const built = build({
    ...deps,
    config,
    publicUrl: config.publicUrl ?? server.origin,
    store,
    upstream,
    origins,
    chain,
    simulation: deps.simulation,
    closing: closing.signal,
  })
  listener = openListener(config, built, closing.signal)
  handle = mainHandler(config, built, listener)
  await restoreLeases(built, deps.log)
  const { ledger } = built.app.runners
  const money = createMoneyJobs({
    config,
    chain,
    witnesses: witnesses.map((witness) => openChain(deps, witness)),
    ledger,
    store,
    clock: deps.clock,
  })
  const jobs = startJobs(built, { store, money }, deps)
  const gateway = { built, server, origins, jobs, upstream, store, closing }
  return {
    origin: config.publicUrl ?? server.origin,
    runnerOrigins: () => origins.list(),
    close: (drainMs = DRAIN_MS) => stop(gateway, drainMs),
  }
}

/** Simulated hardware counts only where nothing real can be at stake (H17). */
function refuseStraySimulation(config: GatewayConfig, deps: GatewayDeps): void {
  if (deps.simulation === undefined) return
  const isLocal = isLocalUrl(config.chain.endpoint) && isLoopback(config.listen.host)
  if (config.production || !isLocal) {
    throw new ConfigError('invalid', 'simulated hardware needs a local chain and a loopback HOST')
  }
}

const notReady: RequestHandler = (_request, response) => {
  response.writeHead(503, { 'retry-after': '1' }).end()
}

function openChain(deps: GatewayDeps, endpoint: string, apiKey?: string) {
  const { local, withKey, withoutKey } = CHAIN_CALLS_PER_SECOND
  const remote = apiKey === undefined ? withoutKey : withKey
  return toncenter(
    openJsonRpc({
      endpoint,
      ...(apiKey === undefined ? {} : { apiKey }),
      fetch: deps.fetch,
      wait,
      chance: deps.chance,
      callsPerSecond: isLocalUrl(endpoint) ? local : remote,
    }),
  )
}

function openOrigins(config: GatewayConfig, listener: () => Listener | undefined): NodeOrigins {
  if (config.runnerDomain !== undefined) return domainOrigins(config.runnerDomain)
  return portOrigins({
    host: config.listen.host,
    ports: config.runnerOriginPorts,
    handlerOf: (runner) => (request, response) => {
      // A listener takes every request at a runner's own origin.
      if (listener()?.(request, response, runner) !== true) notReady(request, response)
    },
  })
}

function openListener(config: GatewayConfig, { app }: Built, closing: AbortSignal): Listener {
  const { maxBodyBytes } = config
  const { authenticator, inference } = app
  return createInferenceListener({ ...inference, authenticator, maxBodyBytes, closing })
}

/** Inference and runners' addresses first, everything else through Hono. */
function mainHandler(
  { runnerDomain }: GatewayConfig,
  { app }: Built,
  listener: Listener,
): RequestHandler {
  const hono = createApp(app)
  const listen = getRequestListener(
    (request, { incoming }) =>
      hono.fetch(request, { isLocal: isLoopback(incoming.socket.remoteAddress ?? '') }),
    { overrideGlobalObjects: false },
  )
  return (request, response) => {
    const own =
      runnerDomain === undefined ? undefined : addressByHost(request.headers.host, runnerDomain)
    if (!listener(request, response, own)) void listen(request, response)
  }
}

async function restoreLeases({ app }: Built, log: Log): Promise<void> {
  try {
    await app.runners.allowlist.refresh()
    await appraiseLeases(app.runners)
  } catch (error) {
    // Closed until the chain can be read: the jobs go on trying.
    log('warn', 'leases are not restored yet', { code: codeOf(error) })
  }
}

function startJobs(
  { app, collateral }: Built,
  { store, money }: { readonly store: SqliteStore; readonly money: readonly Job[] },
  deps: GatewayDeps,
): RunningJobs {
  const { watchdog } = app.inference
  const tick = setInterval(() => watchdog.tick(), TICK_MS)
  tick.unref()
  const jobs = createJobs({
    ledger: app.runners.ledger,
    runners: app.runners,
    collateral,
    checkpoint: () => store.checkpoint(),
    money,
    clock: deps.clock,
  })
  const running = runJobs(jobs, deps.log)
  return {
    close: async () => {
      clearInterval(tick)
      await running.close()
    },
  }
}

interface Parts {
  readonly built: Built
  readonly server: HttpServer
  readonly origins: NodeOrigins
  readonly jobs: RunningJobs
  readonly upstream: NodeUpstream
  readonly store: SqliteStore
  readonly closing: AbortController
}

async function stop(parts: Parts, drainMs: number): Promise<void> {
  parts.closing.abort()
  await Promise.all([parts.server.close(drainMs), parts.origins.close(drainMs)])
  await parts.jobs.close()
  await parts.built.app.inference.pending.drained()
  await parts.upstream.close()
  parts.store.checkpoint()
  parts.store.close()
}
