import { type Clock, toSeconds } from '#base/brand.ts'
import { CodedError } from '#base/coded-error.ts'
import { readBounded } from '#base/read-bounded.ts'
import type { CollateralEntry, CollateralRequest } from './entry.ts'

/**
 * Why collateral could not be had:
 * - `forbidden-host`: the URL's origin is not in the settings (fix the settings)
 * - `network`, `timeout`, `unavailable`: the service cannot be reached or is failing (retry later)
 * - `rate-limited`: the service or our own budget says wait (retry after `retryAfterSeconds`)
 * - `not-found`: the vendor has no such object (stop: forged or unknown hardware)
 * - `too-large`, `invalid`: the answer cannot be what was asked for (retry, then report)
 */
export type CollateralErrorCode =
  | 'forbidden-host'
  | 'network'
  | 'timeout'
  | 'unavailable'
  | 'rate-limited'
  | 'not-found'
  | 'too-large'
  | 'invalid'

export class CollateralError extends CodedError<CollateralErrorCode> {
  override readonly name = 'CollateralError'
  /** What the service asked for by Retry-After; undefined when it said nothing. */
  readonly retryAfterSeconds: number | undefined

  constructor(
    code: CollateralErrorCode,
    message: string,
    options: ErrorOptions & { readonly retryAfterSeconds?: number } = {},
  ) {
    super(code, message, options)
    this.retryAfterSeconds = options.retryAfterSeconds
  }
}

export interface FetchSettings {
  /** Origins that may be asked, for example "https://kdsintf.amd.com". */
  readonly origins: readonly string[]
  /** For one whole exchange, in milliseconds. */
  readonly timeoutMs: number
}

/** One exchange with a collateral service: listed origin, no redirect, bounded time and size. */
export async function fetchEntry(
  request: CollateralRequest,
  settings: FetchSettings,
  deps: { readonly fetch: typeof fetch; readonly clock: Clock },
): Promise<CollateralEntry> {
  const { origin } = new URL(request.url)
  if (!settings.origins.includes(origin)) {
    throw new CollateralError('forbidden-host', `${origin} is not in the collateral settings`)
  }
  const signal = AbortSignal.timeout(settings.timeoutMs)
  try {
    const response = await deps.fetch(request.url, {
      method: request.method,
      headers: { ...request.send },
      // A redirect could lead anywhere; it arrives as a status that is not 200.
      redirect: 'manual',
      signal,
      ...(request.body === undefined ? {} : { body: request.body }),
    })
    await refuseStatus(response, request.name)
    const body = await readBounded(response, request.maxBytes)
    if (body === undefined) {
      throw new CollateralError('too-large', `${request.name}: over ${request.maxBytes} bytes`)
    }
    const entry: CollateralEntry = {
      name: request.name,
      body,
      headers: keptHeaders(response, request.keep),
      fetchedAt: toSeconds(deps.clock()),
    }
    checkAnswer(request, entry)
    return entry
  } catch (cause) {
    if (cause instanceof CollateralError) throw cause
    const code = signal.aborted ? 'timeout' : 'network'
    throw new CollateralError(code, `${request.name}: ${code}`, { cause })
  }
}

async function refuseStatus(response: Response, name: string): Promise<void> {
  const { status } = response
  if (status === 200) return
  await response.body?.cancel()
  if (status === 429 || status === 503) {
    const seconds = retryAfter(response)
    const options = seconds === undefined ? {} : { retryAfterSeconds: seconds }
    throw new CollateralError('rate-limited', `${name}: HTTP ${status}`, options)
  }
  const code = status === 404 || status === 400 ? 'not-found' : 'unavailable'
  throw new CollateralError(code, `${name}: HTTP ${status}`)
}

const MAX_RETRY_AFTER_SECONDS = 86_400

/** Retry-After in seconds; its date form is not used by these services and is ignored. */
function retryAfter(response: Response): number | undefined {
  const value = response.headers.get('retry-after')
  if (value === null || !/^[0-9]{1,6}$/.test(value)) return undefined
  return Math.min(Number(value), MAX_RETRY_AFTER_SECONDS)
}

function keptHeaders(response: Response, keep: readonly string[]): Record<string, string> {
  const headers: Record<string, string> = {}
  for (const name of keep) {
    const value = response.headers.get(name)
    if (value !== null) headers[name] = value
  }
  return headers
}

/** An answer that cannot be parsed must not enter a cache, where it would be served for days. */
function checkAnswer(request: CollateralRequest, entry: CollateralEntry): void {
  try {
    request.lifetime(entry)
    request.accept?.(entry)
  } catch (cause) {
    throw new CollateralError('invalid', `${request.name}: not the object asked for`, { cause })
  }
}
