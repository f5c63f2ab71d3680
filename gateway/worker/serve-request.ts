import { addressByHost } from '../http/runner-address.ts'
import { type Arrival, createServeExchange } from '../inference/serve-exchange.ts'
import { createUnwritten } from '../receipts/unwritten.ts'
import { createWatchdog, TICK_MS } from '../relay/watchdog.ts'
import { FetchClient } from './fetch-client.ts'
import type { Front } from './open-front.ts'
import { readRequestBody } from './read-request-body.ts'

/** Serves one request: inference and runners' addresses first, everything else through Hono. */
export async function serveRequest(
  front: Front,
  request: Request,
  waitUntil: (work: Promise<unknown>) => void,
): Promise<Response> {
  const own = await runnerOfHost(front, request)
  return (
    serveExchange(front, request, { own, waitUntil }) ??
    front.app.fetch(request, {
      remote: request.headers.get('cf-connecting-ip') ?? undefined,
    })
  )
}

/** The runner whose own origin the request came to. */
async function runnerOfHost(
  { platform, objects }: Front,
  request: Request,
): Promise<string | undefined> {
  const { runnerDomain, production, runnerOriginPorts } = platform.config
  const { host, port } = new URL(request.url)
  if (runnerDomain !== undefined) return addressByHost(host, runnerDomain)
  const isOwn = !production && runnerOriginPorts.includes(Number(port))
  return isOwn ? objects.market().runnerAt(Number(port)) : undefined
}

/** @returns undefined when the request is none of the hot path's */
function serveExchange(
  { deps, platform, soon, queue, tellLater }: Front,
  request: Request,
  { own, waitUntil }: { own: string | undefined; waitUntil: (work: Promise<unknown>) => void },
): Promise<Response> | undefined {
  const settling: Promise<void>[] = []
  const { pending } = deps.inference
  // A timer belongs to the request that set it.
  const watchdog = createWatchdog()
  const waiting = queue.open()
  const unwritten = createUnwritten(watchdog)
  const serve = createServeExchange({
    ...deps.inference,
    authenticator: deps.authenticator,
    closing: deps.closing,
    maxBodyBytes: platform.config.maxBodyBytes,
    watchdog,
    waiting,
    unwritten,
    trace: undefined,
    pending: {
      ...pending,
      track(account, work) {
        settling.push(work)
        pending.track(account, work)
      },
    },
  })
  const url = new URL(request.url)
  let ended: Promise<void> = Promise.resolve()
  const settled = (): Promise<void> => soon(ended.then(() => Promise.all(settling)))
  const client = new FetchClient(request.signal, settled)
  const arrival: Arrival = {
    method: request.method,
    path: url.pathname,
    query: () => url.searchParams,
    header: (name) => request.headers.get(name),
    client,
    from: () => request.headers.get('cf-connecting-ip') ?? '',
    readBody: (maxBytes) => readRequestBody(request, maxBytes),
  }
  const served = serve(arrival, own)
  if (served === undefined) return undefined
  const tick = setInterval(() => {
    watchdog.tick()
    waiting.look()
  }, TICK_MS)
  ended = served.finally(() => void unwritten.drained().then(() => clearInterval(tick)))
  // Goes on when the client has left, so that nothing is held longer than it must.
  waitUntil(ended.then(() => Promise.all(settling)).finally(tellLater))
  waitUntil(ended.then(() => unwritten.drained()))
  return client.response
}
