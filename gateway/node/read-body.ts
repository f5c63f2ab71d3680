import type { IncomingMessage } from 'node:http'
import { gatherBytes } from '#base/gather-bytes.ts'
import { ApiError } from '../errors.ts'

/**
 * Reads a request's body whole: refused by its announced length before a byte is read, and by counting after that.
 * @throws ApiError `request_too_large`; `invalid_request` when the client goes away
 */
export function readBody(request: IncomingMessage, maxBytes: number): Promise<Uint8Array> {
  const announced = Number(request.headers['content-length'] ?? 0)
  if (announced > maxBytes) return Promise.reject(tooLarge(maxBytes))
  return new Promise((resolve, reject) => {
    const gathered = gatherBytes(maxBytes)
    let complete = false
    request.on('data', (part: Buffer) => {
      if (!gathered.add(part)) reject(tooLarge(maxBytes))
    })
    request.on('end', () => {
      complete = true
      resolve(gathered.whole())
    })
    // Every request closes: an error with its stack is made only for one that was cut.
    const cutOff = (): void => {
      if (!complete) reject(new ApiError('invalid_request', 'the request was cut off'))
    }
    request.on('error', cutOff)
    request.on('close', cutOff)
  })
}

function tooLarge(maxBytes: number): ApiError {
  return new ApiError('request_too_large', `The request body may have at most ${maxBytes} bytes`)
}
