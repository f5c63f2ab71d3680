import type { Context } from 'hono'
import { fromUtf8 } from '#base/bytes.ts'
import { readBounded } from '#base/read-bounded.ts'
import { ApiError } from '../errors.ts'
import type { Caller } from './caller.ts'
import type { AppEnv } from './env.ts'

/**
 * Reads a JSON body of a bounded size.
 * @throws ApiError `request_too_large`, `overloaded`, `invalid_json`
 */
export async function readJson(context: Context<AppEnv>, maxBytes: number): Promise<unknown> {
  const bytes = await readBytes(context, maxBytes)
  try {
    const value: unknown = JSON.parse(fromUtf8(bytes))
    return value
  } catch {
    throw new ApiError('invalid_json', 'the request body is not valid JSON')
  }
}

/**
 * At once where its length was announced, which the platform's HTTP holds it to; else counted as it comes, with room for the
 * longest. No byte is read before there is room.
 */
async function readBytes(context: Context<AppEnv>, maxBytes: number): Promise<Uint8Array> {
  const announced = context.req.header('content-length')
  const length = announced === undefined ? maxBytes : Number(announced)
  if (length > maxBytes) throw tooLarge(maxBytes)
  // Only behind `requireAccount` somebody is known.
  const caller: Caller | undefined = context.get('caller')
  context.env?.takeBody?.(length, caller?.account)
  if (announced === undefined) {
    const counted = await readBounded(context.req.raw, maxBytes)
    if (counted === undefined) throw tooLarge(maxBytes)
    return counted
  }
  const bytes = new Uint8Array(await context.req.raw.arrayBuffer())
  if (bytes.length > maxBytes) throw tooLarge(maxBytes)
  return bytes
}

function tooLarge(maxBytes: number): ApiError {
  return new ApiError('request_too_large', `The request body may have at most ${maxBytes} bytes`)
}
