import type { Bytes } from '#base/bytes.ts'
import { HEADER, type MacKey } from '#protocol'
import { errorResponse, isThrown } from './error-response.ts'
import { ClientError } from './errors.ts'
import type { HttpDeps } from './http.ts'
import type { VerifiedReceipt } from './seal/check-receipt.ts'
import type { SealedAnswer } from './seal/exchange.ts'
import { ownBytes, readAsk, type SealedPath, sealedPath } from './seal/read-ask.ts'
import { type SendDeps, sendSealed } from './seal/send-sealed.ts'

export interface FetchDeps extends SendDeps, HttpDeps {
  /** Path in front of the endpoints: `/v1` of most base URLs. */
  readonly basePath: string
  /** Used when a request brings no key of its own. */
  readonly apiKey: string | undefined
  readonly cacheSecret: MacKey
  /** Milliseconds between frames of a stream; undefined: as the tokens come. */
  readonly paceMs?: number | undefined
  /** A wallet link of our own making, or undefined when no Till is known for sure. */
  readonly topUp: (authorization: string | undefined) => Promise<string | undefined>
  readonly receipts: WeakMap<Response, Promise<VerifiedReceipt>>
}

const RESERVED: ReadonlySet<string> = new Set([
  ...Object.values(HEADER),
  'x-cocoon-model',
  'x-cocoon-max-tokens',
])
const READING: ReadonlySet<string> = new Set(['GET', 'HEAD'])
/** Headers of a reading request that the gateway needs; no other leaves. */
const PASSED = ['accept', 'authorization'] as const

/**
 * A `fetch` for OpenAI-compatible clients:
 * 1. refuse what a program must not do  2. pass reading requests, which hold no content  3. seal the endpoints of
 * inference  4. refuse everything else: nothing is ever sent in the clear instead
 * Refusals are answers in OpenAI's shape; a program's own mistakes and aborts are thrown.
 */
export function createSealedFetch(deps: FetchDeps): typeof fetch {
  return async function sealedFetch(input, init) {
    const request = ownRequest(deps, input, init)
    try {
      if (READING.has(request.method)) return await pass(deps, request)
      const path = endpointOf(deps, request)
      return await sealAndSend(deps, request, path)
    } catch (error) {
      if (!(error instanceof ClientError) || isThrown(error)) throw error
      return errorResponse(error, await extraOf(deps, request, error))
    }
  }
}

/** @throws ClientError `url_credentials`, `cross_origin` or `reserved_header` */
function ownRequest(
  deps: FetchDeps,
  input: RequestInfo | URL,
  init: RequestInit | undefined,
): Request {
  const url = parseUrl(deps, input instanceof Request ? input.url : input)
  if (url.username !== '' || url.password !== '') {
    throw new ClientError('url_credentials', 'The URL holds credentials')
  }
  if (url.origin !== deps.origin) {
    throw new ClientError('cross_origin', `The request is not for ${deps.origin}`)
  }
  const request =
    input instanceof Request ? new Request(input, init) : new Request(url, streaming(init))
  for (const name of request.headers.keys()) {
    if (RESERVED.has(name) || name.startsWith('ehbp-')) {
      throw new ClientError('reserved_header', `The caller set ${name}`)
    }
  }
  return request
}

function parseUrl(deps: FetchDeps, input: string | URL): URL {
  try {
    return new URL(input)
  } catch (cause) {
    throw new ClientError('cross_origin', `The URL is not absolute under ${deps.origin}`, { cause })
  }
}

/** A body that is a stream needs this flag, which not every caller sets. */
function streaming(init: RequestInit | undefined): RequestInit | undefined {
  if (!(init?.body instanceof ReadableStream)) return init
  // Sound: `duplex` is in the standard and in Node, not yet in every platform's types.
  return { ...init, duplex: 'half' } as RequestInit
}

function authorizationOf(deps: FetchDeps, request: Request): string | undefined {
  const own = request.headers.get('authorization')
  if (own !== null) return own
  return deps.apiKey === undefined ? undefined : `Bearer ${deps.apiKey}`
}

/** Models, usage, receipts: nothing of a prompt is in them. */
async function pass(deps: FetchDeps, request: Request): Promise<Response> {
  const headers = new Headers()
  for (const name of PASSED) {
    const value = request.headers.get(name)
    if (value !== null) headers.set(name, value)
  }
  const authorization = authorizationOf(deps, request)
  if (authorization !== undefined) headers.set('authorization', authorization)
  const { method, signal, url } = request
  const response = await reach(() =>
    deps.fetch(url, { method, headers, signal, redirect: 'manual' }),
  )
  if (
    String(response.type) === 'opaqueredirect' ||
    (response.status >= 300 && response.status < 400)
  ) {
    throw new ClientError('gateway_misbehaved', 'The gateway redirects')
  }
  return response
}

async function reach(send: () => Promise<Response>): Promise<Response> {
  try {
    return await send()
  } catch (cause) {
    if (cause instanceof Error && cause.name === 'AbortError') throw cause
    throw new ClientError('gateway_unreachable', 'The gateway does not answer', { cause })
  }
}

function endpointOf(deps: FetchDeps, request: Request): SealedPath {
  const { pathname, search } = new URL(request.url)
  const under = pathname.startsWith(`${deps.basePath}/`)
  const path = under ? sealedPath(`/v1${pathname.slice(deps.basePath.length)}`) : undefined
  if (request.method !== 'POST' || path === undefined || search !== '') {
    throw new ClientError('unsealable', `There is no sealed ${request.method} of this path`)
  }
  return path
}

async function sealAndSend(deps: FetchDeps, request: Request, path: SealedPath): Promise<Response> {
  const { signal } = request
  const ask = readAsk(path, ownBytes(await request.arrayBuffer()), deps)
  const authorization = authorizationOf(deps, request)
  const answer = await sendSealed(deps, ask, { authorization, signal })
  const response = new Response(streamOf(answer.body), {
    status: answer.status,
    headers: answerHeaders(answer),
  })
  deps.receipts.set(response, answer.receipt)
  return response
}

function answerHeaders({ headers, contentType, runner }: SealedAnswer): Record<string, string> {
  return {
    ...headers,
    'content-type': contentType,
    'cache-control': 'no-store',
    'x-cocoon-confidentiality': 'end-to-end',
    'x-cocoon-attestation': runner.status,
    'x-cocoon-runner': runner.id,
    'x-cocoon-session-id': runner.sessionId,
  }
}

/** One frame a pull: whoever reads slowly slows the runner down. */
function streamOf(
  chunks: AsyncGenerator<Bytes, void, undefined>,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  return new ReadableStream(
    {
      pull: async (controller) => {
        const { done, value } = await chunks.next()
        if (done === true) controller.close()
        else controller.enqueue(value)
      },
      cancel: async () => {
        await chunks.return()
      },
    },
    { highWaterMark: 0 },
  )
}

async function extraOf(
  deps: FetchDeps,
  request: Request,
  error: ClientError,
): Promise<Readonly<Record<string, unknown>>> {
  if (error.code !== 'insufficient_credits') return {}
  const link = await deps.topUp(authorizationOf(deps, request)).catch(() => undefined)
  return link === undefined ? {} : { top_up_url: link }
}
