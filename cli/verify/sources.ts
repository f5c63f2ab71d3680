import { readFile, stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import { fromUtf8 } from '#base/bytes.ts'
import { CodedError } from '#base/coded-error.ts'
import { readBounded } from '#base/read-bounded.ts'
import { UsageError } from '../command.ts'

const MAX_BYTES = 8 * 1_048_576
const TIMEOUT_MS = 30_000
const LOOPBACK: ReadonlySet<string> = new Set(['127.0.0.1', 'localhost', '[::1]'])

/**
 * Why nothing could be had from an address. For all of them: check the address, then ask its operator.
 * - `unreachable`: no answer (retry)
 * - `refused`: an answer other than 2xx, `status` says which
 * - `not_json`: an answer that is no JSON, or larger than 8 MiB
 */
export class SourceError extends CodedError<'unreachable' | 'refused' | 'not_json'> {
  override readonly name = 'SourceError'
  readonly status: number | undefined

  constructor(
    code: 'unreachable' | 'refused' | 'not_json',
    message: string,
    options: ErrorOptions & { readonly status?: number } = {},
  ) {
    super(code, message, options)
    this.status = options.status
  }
}

/** The URL that a target is, or undefined for a file. @throws UsageError for a URL not to be used */
export function targetUrl(target: string): URL | undefined {
  if (!/^https?:\/\//i.test(target)) return undefined
  const url = URL.canParse(target) ? new URL(target) : undefined
  if (url === undefined || url.username !== '' || url.password !== '') {
    throw new UsageError('the URL is malformed or holds credentials')
  }
  return url
}

/** A body of a request or an answer. @throws UsageError */
export async function readBytesFile(cwd: string, file: string): Promise<Uint8Array> {
  try {
    return await readFile(resolve(cwd, file))
  } catch (cause) {
    throw new UsageError(`cannot read ${file}`, { cause })
  }
}

/** @throws UsageError */
export async function readJsonFile(cwd: string, file: string): Promise<unknown> {
  const path = resolve(cwd, file)
  try {
    const { size } = await stat(path)
    if (size > MAX_BYTES) throw new RangeError('too large')
    const value: unknown = JSON.parse(fromUtf8(await readFile(path)))
    return value
  } catch (cause) {
    throw new UsageError(`cannot read ${file} as JSON of at most 8 MiB`, { cause })
  }
}

/**
 * A JSON answer, never redirected.
 * @param key API key to show; only over TLS or to this machine
 * @throws SourceError
 */
export async function getJson(fetcher: typeof fetch, url: URL, key?: string): Promise<unknown> {
  if (key !== undefined && url.protocol === 'http:' && !LOOPBACK.has(url.hostname)) {
    throw new UsageError('the API key would cross the network in the clear: use https')
  }
  const response = await ask(fetcher, url, key)
  const { status } = response
  if (!response.ok) {
    await response.body?.cancel()
    throw new SourceError('refused', `${url.host} answered ${status}`, { status })
  }
  try {
    const bytes = await readBounded(response, MAX_BYTES)
    if (bytes === undefined) throw new RangeError('too large')
    const value: unknown = JSON.parse(fromUtf8(bytes))
    return value
  } catch (cause) {
    throw new SourceError('not_json', `${url.host} did not answer JSON of at most 8 MiB`, { cause })
  }
}

async function ask(fetcher: typeof fetch, url: URL, key: string | undefined): Promise<Response> {
  try {
    return await fetcher(url.href, {
      headers: {
        accept: 'application/json',
        ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
      },
      // A redirect is read as an answer: another server's evidence would prove nothing about this one.
      redirect: 'manual',
      signal: AbortSignal.timeout(TIMEOUT_MS),
    })
  } catch (cause) {
    throw new SourceError('unreachable', `${url.host} does not answer`, { cause })
  }
}
