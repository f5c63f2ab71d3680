import type { Dispatcher } from 'undici'
import { errors, Pool } from 'undici'
import type { Json } from '#base/jcs.ts'
import { EngineError } from '../engine-error.ts'
import { isObject } from '../fields.ts'
import type { EncodedForm } from './encode-form.ts'

/** Our own timers towards the engine; undici's are off, since an answer may take any time in total. */
export interface UpstreamTimeouts {
  readonly connectMs: number
  /** From sending the request to the first byte of the answer. */
  readonly firstByteMs: number
  /** Between two pieces of the answer. */
  readonly idleMs: number
}

export interface Upstream {
  /** Sends one request. Aborting `signal` closes the engine's socket at once. @throws EngineError */
  call(request: UpstreamRequest): Promise<UpstreamAnswer>
  close(): Promise<void>
}

export interface UpstreamRequest {
  readonly method: 'GET' | 'POST'
  readonly path: string
  readonly body?: Json
  /** Sent instead of a JSON body. */
  readonly form?: EncodedForm | undefined
  readonly signal: AbortSignal
}

export interface UpstreamAnswer {
  readonly status: number
  /** The body in pieces. @throws EngineError */
  readonly pieces: AsyncIterable<Uint8Array>
}

/** Most answers in flight; beyond it requests queue inside undici. */
const MAX_CONNECTIONS = 1024
const UNIX_PREFIX = 'unix:'

/**
 * @param url `http(s)://host[:port][/prefix]`, or `unix:/path/to/socket`
 * @param apiKey sent as a bearer token when the engine wants one
 */
export function createUpstream(
  url: string,
  apiKey: string | undefined,
  timeouts: UpstreamTimeouts,
): Upstream {
  const isSocket = url.startsWith(UNIX_PREFIX)
  const base = new URL(isSocket ? 'http://localhost' : url)
  const pool = new Pool(base.origin, {
    connections: MAX_CONNECTIONS,
    pipelining: 1,
    headersTimeout: 0,
    bodyTimeout: 0,
    connect: {
      timeout: timeouts.connectMs,
      ...(isSocket ? { socketPath: url.slice(UNIX_PREFIX.length) } : {}),
    },
  })
  const prefix = base.pathname.replace(/\/(?:v1\/?)?$/, '')
  const headers = apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` }
  return {
    async call({ method, path, body, form, signal }) {
      const watch = watchdog(signal, timeouts)
      try {
        const answer = await pool.request({
          method,
          path: `${prefix}${path}`,
          headers: { ...headers, 'content-type': form?.contentType ?? 'application/json' },
          body: form?.bytes ?? (body === undefined ? null : JSON.stringify(body)),
          signal: watch.signal,
        })
        return { status: answer.statusCode, pieces: readPieces(answer.body, watch) }
      } catch (error) {
        watch.stop()
        throw upstreamError(error, watch)
      }
    },
    close: () => pool.destroy(),
  }
}

async function* readPieces(
  body: Dispatcher.ResponseData['body'],
  watch: Watchdog,
): AsyncGenerator<Uint8Array, void, void> {
  try {
    for await (const piece of body) {
      watch.sawBytes()
      yield piece
    }
  } catch (error) {
    throw upstreamError(error, watch)
  } finally {
    watch.stop()
  }
}

interface Watchdog {
  /** Aborted by the caller's signal or by a time-out. */
  readonly signal: AbortSignal
  readonly timedOut: boolean
  sawBytes(): void
  stop(): void
}

function watchdog(outer: AbortSignal, timeouts: UpstreamTimeouts): Watchdog {
  const controller = new AbortController()
  let timedOut = false
  const expire = (): void => {
    timedOut = true
    controller.abort()
  }
  const forward = (): void => controller.abort()
  if (outer.aborted) forward()
  outer.addEventListener('abort', forward)
  const first = setTimeout(expire, timeouts.firstByteMs)
  let idle: NodeJS.Timeout | undefined
  return {
    signal: controller.signal,
    get timedOut() {
      return timedOut
    },
    sawBytes() {
      clearTimeout(first)
      if (idle === undefined) idle = setTimeout(expire, timeouts.idleMs)
      else idle.refresh()
    },
    stop() {
      clearTimeout(first)
      clearTimeout(idle)
      outer.removeEventListener('abort', forward)
    },
  }
}

function upstreamError(error: unknown, watch: Watchdog): EngineError {
  if (error instanceof EngineError) return error
  if (watch.timedOut) return new EngineError('engine_timeout', 'the engine did not answer in time')
  const code = isObject(error) && typeof error['code'] === 'string' ? error['code'] : 'unknown'
  const refused = code === 'ECONNREFUSED' || code === 'ENOENT'
  return refused || error instanceof errors.ConnectTimeoutError
    ? new EngineError('engine_unreachable', 'the engine cannot be reached', { cause: error })
    : new EngineError('engine_failed', `the connection to the engine broke (${code})`, {
        cause: error,
      })
}
