import { waitUntil } from 'cloudflare:workers'
import { unixMs } from '#base/brand.ts'
import openapi from '#openapi'
import { ConfigError } from './config.ts'
import { cashierObject } from './worker/cashier-object.ts'
import { chainObject } from './worker/chain-object.ts'
import type { OpenPages, WorkerHost } from './worker/host.ts'
import { ledgerObject } from './worker/ledger-object.ts'
import { marketObject } from './worker/market-object.ts'
import { MIGRATIONS } from './worker/migrations.ts'
import { objectsOf } from './worker/objects.ts'
import { type Front, openFront } from './worker/open-front.ts'
import { reservesObject } from './worker/reserves-object.ts'
import { routeObject } from './worker/route-object.ts'
import { serveRequest } from './worker/serve-request.ts'

const host: WorkerHost = {
  clock: () => unixMs(Date.now()),
  random: (length) => crypto.getRandomValues(new Uint8Array(length)),
  chance: Math.random,
  fetch: (input, init) => fetch(input, init),
  wait: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
  // biome-ignore lint/suspicious/noConsole: the one place that a Worker's log lines leave by
  write: (line) => console.log(line),
  openPages: undefined,
  migrations: MIGRATIONS,
  openapi,
}

export { IndexObject } from './worker/index-object.ts'
/** The ledger of one account or one host. */
export class LedgerObject extends ledgerObject(host) {}
export class MarketObject extends marketObject(host) {}
export class RouteObject extends routeObject(host) {}
export class ChainObject extends chainObject(host) {}
export class CashierObject extends cashierObject(host) {}
export class ReservesObject extends reservesObject(host) {}

/** Alarms keep themselves going; this starts the first ones, and is repeated by the schedule. */
async function wake(env: Cloudflare.Env): Promise<void> {
  const objects = objectsOf(env)
  await Promise.all([objects.market().wake(), objects.chain().wake(), objects.cashier().wake()])
}

/** @param openPages how the page looks, which this folder does not know; undefined: the API alone */
export function createWorker(openPages: OpenPages | undefined) {
  let front: Front | undefined
  return {
    fetch(request, env): Promise<Response> {
      try {
        if (front === undefined) {
          front = openFront({ ...host, openPages }, env)
          waitUntil(wake(env))
        }
      } catch (error) {
        if (!(error instanceof ConfigError)) throw error
        host.write(JSON.stringify({ level: 'error', msg: error.message }))
        return Promise.resolve(new Response('the gateway is not configured', { status: 503 }))
      }
      return serveRequest(front, request, waitUntil)
    },
    scheduled(_, env): Promise<void> {
      return wake(env)
    },
  } satisfies ExportedHandler<Cloudflare.Env>
}

export default createWorker(undefined)
