import type { IncomingMessage } from 'node:http'
import { ApiError } from '../errors.ts'

/**
 * Reads a request's body whole: refused by its announced length before a byte is read, and by counting after that.
 * @throws ApiError `request_too_large`; `invalid_request` when the client goes away
 */
export function readBody(request: IncomingMessage, maxBytes: number): Promise<Uint8Array> {
  const announced = Number(request.headers['content-length'] ?? 0)
  if (announced > maxBytes) return Promise.reject(tooLarge(maxBytes))
  return new Promise((resolve, reject) => {
    let first: Buffer | undefined
    let more: Buffer[] | undefined
    let length = 0
    let complete = false
    request.on('data', (part: Buffer) => {
      length += part.length
      if (length > maxBytes) {
        reject(tooLarge(maxBytes))
        return
      }
      if (first === undefined) first = part
      else if (more === undefined) more = [first, part]
      else more.push(part)
    })
    request.on('end', () => {
      complete = true
      resolve(more === undefined ? (first ?? EMPTY) : Buffer.concat(more))
    })
    // Every request closes: an error with its stack is made only for one that was cut.
    const cutOff = (): void => {
      if (!complete) reject(new ApiError('invalid_request', 'the request was cut off'))
    }
    request.on('error', cutOff)
    request.on('close', cutOff)
  })
}

const EMPTY = new Uint8Array(0)

function tooLarge(maxBytes: number): ApiError {
  return new ApiError('request_too_large', `The request body may have at most ${maxBytes} bytes`, {
    headers: { connection: 'close' },
  })
}
