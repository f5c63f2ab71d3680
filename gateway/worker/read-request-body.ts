import { concatAll } from '#base/bytes.ts'
import { ApiError } from '../errors.ts'

/**
 * Reads a request's body whole: refused by its announced length before a byte is read, and by counting after that.
 * @throws ApiError `request_too_large`; `invalid_request` when the client goes away
 */
export async function readRequestBody(request: Request, maxBytes: number): Promise<Uint8Array> {
  if (Number(request.headers.get('content-length') ?? 0) > maxBytes) throw tooLarge(maxBytes)
  const parts: Uint8Array[] = []
  let length = 0
  try {
    for await (const part of request.body ?? []) {
      length += part.length
      if (length > maxBytes) break
      parts.push(part)
    }
  } catch (cause) {
    throw new ApiError('invalid_request', 'the request was cut off', { cause })
  }
  if (length > maxBytes) throw tooLarge(maxBytes)
  return concatAll(parts)
}

function tooLarge(maxBytes: number): ApiError {
  return new ApiError('request_too_large', `The request body may have at most ${maxBytes} bytes`)
}
