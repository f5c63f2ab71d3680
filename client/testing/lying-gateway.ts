import { defaultCollateralSettings, PINNED_ANCHORS } from '#attestation'
import { type Clock, toSeconds, unixMs } from '#base/brand.ts'
import type { Bytes } from '#base/bytes.ts'
import { type AmdForge, forgeAmd } from '#dev/forge/amd.ts'
import { decodeHead, HEADER, ProtocolError, type Provider, toProblem, webProvider } from '#protocol'
import { nodeProvider } from '#protocol/node'
import type { Connection } from '../connect.ts'
import { connectWith } from '../connect.ts'
import type { ConnectOptions } from '../options.ts'
import { type ListedEntry, REGISTRY_ADDRESS, registryAnswer } from './test-registry.ts'
import {
  type Answer,
  makeRunner,
  PRICE,
  random,
  registryHashes,
  type TestRunner,
} from './test-runner.ts'

export const GATEWAY = 'https://gateway.test'
export const ENDPOINTS = ['https://ton-a.test/rpc', 'https://ton-b.test/rpc'] as const
export const TILL = `0:${'a1'.repeat(32)}`

const VENDORS: ReadonlySet<string> = new Set(defaultCollateralSettings(random).origins)

/** Where a test bends what passes through the gateway's hands. Absent members are honest. */
export interface Lies {
  /** Replaces a JSON answer of the gateway, by path. */
  readonly json?: (path: string, honest: unknown) => unknown
  /** Replaces what one TON endpoint says. */
  readonly chain?: (endpoint: string, honest: Parameters<typeof registryAnswer>[0]) => unknown
  /** What the hardware's vendors answer; absent: they cannot be reached. */
  readonly vendor?: (url: URL) => Response | undefined
  /** Bends a sealed request on its way in. */
  readonly request?: (headers: Headers, body: Bytes) => Bytes
  /** Answers a sealed request instead of the runner, or lets it pass. */
  readonly instead?: (runner: TestRunner, nth: number) => Response | undefined
  /** Bends a sealed answer on its way out. */
  readonly answer?: (answer: Answer) => Answer
}

export interface TestWorld {
  readonly forge: AmdForge
  readonly runners: TestRunner[]
  readonly clock: Clock
  lies: Lies
  entries: ListedEntry[]
  version: number
  /** Milliseconds that the clock is ahead. */
  ahead: number
  /** Every byte that gateway and network saw, as text. */
  readonly seen: string[]
  /** Sealed requests by runner id. */
  readonly sent: string[]
  readonly fetch: typeof fetch
  connect(options?: Partial<ConnectOptions>): Promise<Connection>
}

/** A whole market in memory: forged hardware, real protocol, a gateway and chain endpoints that can lie. */
export async function makeWorld(
  options: { readonly runners?: number; readonly provider?: Provider<'sync'> } = {},
): Promise<TestWorld> {
  const began = Date.now()
  const forge = await forgeAmd({ random, now: Math.floor(began / 1000) })
  const hashes = await registryHashes()
  const collateral = await forge.collateral()
  const world: TestWorld = {
    ...{ forge, runners: [], lies: {}, version: 5, ahead: 0, seen: [], sent: [] },
    entries: [
      { kind: 'image', hash: hashes.image },
      { kind: 'model', hash: hashes.model },
      { kind: 'till', hash: TILL.slice(2) },
    ],
    clock: () => unixMs(began + world.ahead),
    fetch: (input, init) => route(world, new Request(input, init)),
    connect: (given = {}) =>
      connectWith({
        baseURL: `${GATEWAY}/v1`,
        registry: { endpoints: ENDPOINTS, address: REGISTRY_ADDRESS },
        allowSimulated: true,
        simulation: { anchors: { ...PINNED_ANCHORS, sev: [forge.root] }, collateral },
        gpu: 'optional',
        ...{ fetch: world.fetch, clock: world.clock, random, provider: webProvider },
        ...given,
      }),
  }
  for (let i = 0; i < (options.runners ?? 1); i++) {
    const { provider = nodeProvider } = options
    world.runners.push(await makeRunner({ forge, clock: world.clock, id: `run_${i}`, provider }))
  }
  return world
}

async function route(world: TestWorld, request: Request): Promise<Response> {
  const url = new URL(request.url)
  if (VENDORS.has(url.origin)) {
    const answer = world.lies.vendor?.(url)
    if (answer === undefined) throw new TypeError('no route to the vendor')
    return answer
  }
  if (url.origin !== GATEWAY) return chain(world, request.url)
  const body = new Uint8Array(await request.arrayBuffer())
  world.seen.push(request.url, JSON.stringify([...request.headers]), new TextDecoder().decode(body))
  if (request.signal.aborted) throw new DOMException('aborted', 'AbortError')
  const [, , id, ...rest] = url.pathname.split('/')
  const runner = world.runners.find((known) => known.id === id)
  if (request.method === 'POST' && runner !== undefined) {
    return relay(world, runner, { path: `/${rest.join('/')}`, headers: request.headers, body })
  }
  const honest = await document(world, url, runner)
  const told = world.lies.json?.(url.pathname, honest) ?? honest
  return told === undefined ? new Response('{}', { status: 404 }) : Response.json(told)
}

async function document(
  world: TestWorld,
  { pathname, searchParams }: URL,
  runner: TestRunner | undefined,
): Promise<unknown> {
  if (runner !== undefined) return runner.report(searchParams.get('nonce') ?? '')
  const session = world.runners.find(({ sessionId }) => pathname.endsWith(`/${sessionId}`))
  if (session !== undefined) return session.session
  if (pathname === '/v1/registry') return toldRegistry(world)
  if (pathname === '/v1/till') return { address: TILL }
  if (pathname === '/v1/models') return { object: 'list', data: [] }
  if (pathname !== '/v1/runners') return undefined
  return { object: 'list', data: world.runners.map(offered) }
}

/** The Registry by the gateway's word. */
function toldRegistry({ version, entries, clock }: TestWorld) {
  const meta = '00'.repeat(32)
  const ofKind = (kind: ListedEntry['kind']) =>
    entries
      .filter((entry) => entry.kind === kind)
      .map(({ hash, revokedAt = 0 }) => ({ hash, active_from: 1, revoked_at: revokedAt, meta }))
  return {
    ...{ version, read_at: toSeconds(clock()) },
    entries: { image: ofKind('image'), model: ofKind('model'), platform: ofKind('platform') },
  }
}

function offered({ id, sessionId }: TestRunner) {
  return {
    ...{ id, model: 'test-model', session_id: sessionId, available: true },
    max_output_tokens: 4_096,
    pricing: {
      input_nano_per_million: PRICE.input.toString(),
      cached_nano_per_million: PRICE.cached.toString(),
      output_nano_per_million: PRICE.output.toString(),
    },
  }
}

async function relay(
  world: TestWorld,
  runner: TestRunner,
  request: { readonly path: string; readonly headers: Headers; readonly body: Bytes },
): Promise<Response> {
  world.sent.push(runner.id)
  const { instead, request: bend, answer = (same: Answer): Answer => same } = world.lies
  const other = instead?.(runner, world.sent.length)
  if (other !== undefined) return other
  if (sessionOf(request.headers) !== runner.sessionId) {
    const { body } = toProblem(new ProtocolError('key_stale', 'an earlier session'))
    return Response.json(body, { status: 422 })
  }
  const headers = new Headers(request.headers)
  const body = bend?.(headers, request.body) ?? request.body
  const {
    status,
    headers: answered,
    frames,
  } = answer(await runner.serve(request.path, headers, body))
  return new Response(streamed(world, frames), { status, headers: answered })
}

/** As the real gateway, which knows the runner's current session. */
function sessionOf(headers: Headers): string {
  return decodeHead(webProvider.texts, headers.get(HEADER.head) ?? '').head.session
}

/** Pulled, never pushed: what the client does not read is not produced. */
function streamed(world: TestWorld, frames: AsyncIterable<Bytes>): ReadableStream<Uint8Array> {
  const iterator = frames[Symbol.asyncIterator]()
  return new ReadableStream(
    {
      pull: async (controller) => {
        const { done, value } = await iterator.next()
        if (done === true) {
          controller.close()
          return
        }
        if (world.seen.length < 10_000) world.seen.push(new TextDecoder().decode(value))
        controller.enqueue(value)
      },
      cancel: async () => {
        await iterator.return?.()
      },
    },
    { highWaterMark: 0 },
  )
}

function chain(world: TestWorld, endpoint: string): Response {
  const { version, entries } = world
  const state = { version, entries, at: toSeconds(world.clock()) }
  return Response.json(world.lies.chain?.(endpoint, state) ?? registryAnswer(state))
}
