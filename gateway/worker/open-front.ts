import { hex } from '#base/bytes.ts'
import { parseKeyset } from '#protocol'
import { createFrontApp } from '../app.ts'
import { composeFront } from '../compose/compose-front.ts'
import { isLocalUrl } from '../config.ts'
import type { FrontDeps } from '../deps.ts'
import { openRates } from '../money/open-rates.ts'
import type { ServePages } from '../pages.ts'
import type { KeysetOf } from '../receipts/keyset-of.ts'
import { createPendingSettlements } from '../receipts/pending.ts'
import { createWatchdog } from '../relay/watchdog.ts'
import { fetchUpstream } from './fetch-upstream.ts'
import type { WorkerHost } from './host.ts'
import { movingRoutes } from './moving-routes.ts'
import { type Objects, objectsOf } from './objects.ts'
import { createPlaceReporter } from './place-reporter.ts'
import { createQueue, type Queue } from './queue.ts'
import { createReplica, type Replica } from './replica.ts'
import { doneLater, madeOnce } from './unshared.ts'
import { openWorkerPlatform, type WorkerPlatform } from './worker-platform.ts'

const PLACE_BYTES = 8
/** A read of an account waits for its settlements at most this long. */
const PENDING_MS = 2_000
/** From a request to the report that counts it. */
const TELL_MS = 5_000

/** What one Worker keeps between requests: nothing that must outlive it. */
export interface Front {
  readonly platform: WorkerPlatform
  readonly objects: Objects
  readonly deps: FrontDeps
  readonly app: ReturnType<typeof createFrontApp>
  /** Waits for settlements, but not for ever: the request that began one may have been cut off. */
  readonly soon: (work: Promise<unknown>) => Promise<void>
  /** Requests that wait for a runner here. */
  readonly queue: Queue
  /** Tells the market what was counted here, in a few seconds: whoever comes later tells the rest. */
  readonly tellLater: () => Promise<void>
}

/** @throws ConfigError that names every bad setting */
export function openFront(host: WorkerHost, env: Cloudflare.Env): Front {
  const platform = openWorkerPlatform(host, env)
  const { provider, clock, random } = platform
  const objects = objectsOf(env)
  const place = hex(random(PLACE_BYTES))
  const replica = createReplica({ place, objects, clock, hashes: provider.hashes })
  const pending = createPendingSettlements()
  const soon = async (work: Promise<unknown>): Promise<void> => {
    await Promise.race([work, host.wait(PENDING_MS)])
  }
  const composed = composeFront(platform, {
    self: undefined,
    directory: replica,
    catalog: replica.offers,
    keysetOf: keysetOf(replica, objects),
    pending,
    upstream: fetchUpstream(host.fetch),
    watchdog: createWatchdog(),
    rates: openRates(platform.config.rates, { fetch: host.fetch, clock: platform.clock }),
  })
  const deps = {
    ...composed,
    pendingOf: (account) => soon(pending.settled(account)),
  } satisfies FrontDeps
  const { adminKey } = platform.config
  const { isPaused } = platform.settings
  const migrations = host.migrations.map(({ name }) => name)
  const moving = movingRoutes({ objects, adminKey, migrations, isPaused })
  const app = createFrontApp(
    deps,
    [moving],
    (request) => objects.market().fetch(request),
    pagesOf(host, env, platform),
  )
  const queue = createQueue({ config: platform.config, replica, clock })
  const reporter = createPlaceReporter({
    place,
    metrics: platform.metrics,
    objects,
    now: () => ({ ...replica.underWay(), queue: queue.size }),
    clock,
  })
  const tellLater = doneLater(() => reporter.tell(), TELL_MS, { wait: host.wait, clock })
  return { platform, objects, deps, app, soon, queue, tellLater }
}

/** Keysets that receipts cite: of a lease at hand, else the market's session documents. */
function keysetOf(replica: Replica, objects: Objects): KeysetOf {
  return async (runner, digest) => {
    const lease = replica.find(runner)?.lease
    if (lease?.keysetDigest === digest) return lease.keyset
    const document = await objects.market().keyset(runner, digest)
    if (document === undefined) return undefined
    // Sound: a session document holds its keyset under this name; the parser checks it again.
    const { workload_keyset } = JSON.parse(document) as { workload_keyset: unknown }
    return parseKeyset(workload_keyset, 'keyset')
  }
}

/** Opened by the first request that may be for one, since its files are asked for. */
function pagesOf(
  { openPages }: WorkerHost,
  { ASSETS }: Cloudflare.Env,
  { settings, config }: WorkerPlatform,
): ServePages | undefined {
  if (openPages === undefined || ASSETS === undefined) return undefined
  const { registry, webEndpoints, network, endpoint } = config.chain
  const opened = madeOnce(() =>
    openPages(ASSETS, {
      registry,
      endpoints: webEndpoints,
      network: isLocalUrl(endpoint) ? 'local' : network,
      simulation: settings.simulationJson,
    }),
  )
  return async (request, context) => (await opened())(request, context)
}
