import { readBounded } from '#base/read-bounded.ts'
import { ApiError } from '../errors.ts'

/**
 * Reads a request's body whole: refused by its announced length before a byte is read, and by counting after that.
 * @throws ApiError `request_too_large`; `invalid_request` when the client goes away
 */
export async function readRequestBody(request: Request, maxBytes: number): Promise<Uint8Array> {
  if (Number(request.headers.get('content-length') ?? 0) > maxBytes) throw tooLarge(maxBytes)
  let bytes: Uint8Array | undefined
  try {
    bytes = await readBounded(request, maxBytes)
  } catch (cause) {
    throw new ApiError('invalid_request', 'the request was cut off', { cause })
  }
  if (bytes === undefined) throw tooLarge(maxBytes)
  return bytes
}

function tooLarge(maxBytes: number): ApiError {
  return new ApiError('request_too_large', `The request body may have at most ${maxBytes} bytes`)
}
