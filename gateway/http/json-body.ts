import type { Context } from 'hono'
import { fromUtf8 } from '#base/bytes.ts'
import { readBounded } from '#base/read-bounded.ts'
import { ApiError } from '../errors.ts'

/**
 * Reads a JSON body of a bounded size.
 * @throws ApiError `request_too_large`, `invalid_json`
 */
export async function readJson(context: Context, maxBytes: number): Promise<unknown> {
  const bytes = await readBytes(context, maxBytes)
  try {
    const value: unknown = JSON.parse(fromUtf8(bytes))
    return value
  } catch {
    throw new ApiError('invalid_json', 'the request body is not valid JSON')
  }
}

/** At once where its length was announced, which the platform's HTTP holds it to; else counted as it comes. */
async function readBytes(context: Context, maxBytes: number): Promise<Uint8Array> {
  const announced = context.req.header('content-length')
  if (announced === undefined) {
    const counted = await readBounded(context.req.raw, maxBytes)
    if (counted === undefined) throw tooLarge(maxBytes)
    return counted
  }
  if (Number(announced) > maxBytes) throw tooLarge(maxBytes)
  const bytes = new Uint8Array(await context.req.raw.arrayBuffer())
  if (bytes.length > maxBytes) throw tooLarge(maxBytes)
  return bytes
}

function tooLarge(maxBytes: number): ApiError {
  return new ApiError('request_too_large', `The request body may have at most ${maxBytes} bytes`)
}
