import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { copyBytes } from '#base/bytes.ts'
import type { Connection } from '../connect.ts'
import { errorResponse } from '../error-response.ts'
import { ClientError } from '../errors.ts'
import { MAX_BODY_BYTES } from '../seal/read-ask.ts'

/** Headers of a client that mean something to the seal; no other is read. */
const PASSED = ['accept', 'content-type'] as const

/**
 * Sends one request of a local client through the seal and its answer back, as fast as the client reads. An answer
 * that fails in the middle ends by a broken connection: a clean end would say that it is whole.
 */
export async function forward(
  connection: Connection,
  { request, response }: { readonly request: IncomingMessage; readonly response: ServerResponse },
  { ownsKey }: { readonly ownsKey: boolean },
): Promise<void> {
  const gone = new AbortController()
  response.once('close', () => gone.abort())
  const answer = await sealed(connection, request, { ownsKey, signal: gone.signal })
  if (response.destroyed) return
  response.writeHead(answer.status, Object.fromEntries(answer.headers))
  response.flushHeaders()
  const reader = answer.body?.getReader()
  try {
    while (reader !== undefined) {
      const { done, value } = await reader.read()
      if (done) break
      if (!response.write(value)) await once(response, 'drain', { signal: gone.signal })
    }
    response.end()
  } catch {
    response.destroy()
    await reader?.cancel().catch(() => undefined)
  }
}

async function sealed(
  connection: Connection,
  request: IncomingMessage,
  { ownsKey, signal }: { readonly ownsKey: boolean; readonly signal: AbortSignal },
): Promise<Response> {
  const { method = 'GET' } = request
  try {
    const body = method === 'POST' ? await readBody(request) : null
    const url = urlOf(connection, request.url ?? '/')
    return await connection.fetch(url, {
      ...{ method, body, signal },
      headers: headersOf(request, ownsKey),
    })
  } catch (error) {
    if (error instanceof ClientError) return errorResponse(error)
    throw error
  }
}

/** The proxy's own /v1 stands for the gateway's base path. */
function urlOf({ baseURL }: Connection, url: string): string {
  const path = url === '/v1' || url.startsWith('/v1/') ? url.slice('/v1'.length) : url
  return `${baseURL}${path}`
}

function headersOf({ headers }: IncomingMessage, ownsKey: boolean): Headers {
  const passed = new Headers()
  for (const name of PASSED) {
    const value = headers[name]
    if (value !== undefined) passed.set(name, value)
  }
  // The token is this proxy's: the gateway must never see it.
  const key = ownsKey ? undefined : headers.authorization
  if (key !== undefined) passed.set('authorization', key)
  return passed
}

async function readBody(request: IncomingMessage): Promise<Uint8Array<ArrayBuffer>> {
  const parts: Buffer[] = []
  let length = 0
  for await (const part of request) {
    // Sound: a request without an encoding set yields Buffers.
    const bytes = part as Buffer
    length += bytes.length
    if (length > MAX_BODY_BYTES) {
      throw new ClientError('request_too_large', `A body takes at most ${MAX_BODY_BYTES} bytes`)
    }
    parts.push(bytes)
  }
  return copyBytes(Buffer.concat(parts))
}
