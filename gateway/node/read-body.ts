import type { IncomingMessage } from 'node:http'
import { gatherBytes } from '#base/gather-bytes.ts'
import { ApiError } from '../errors.ts'

/**
 * Reads a request's body whole: refused by its announced length before a byte is read, and by counting after that.
 * @param take takes room in memory for so many bytes more: all of them at once, where their number was announced
 * @throws ApiError `request_too_large`; what `take` throws; `invalid_request` when the client goes away
 */
export async function readBody(
  request: IncomingMessage,
  maxBytes: number,
  take: (bytes: number) => void,
): Promise<Uint8Array> {
  const { 'content-length': announced } = request.headers
  if (announced === undefined) return gather(request, maxBytes, take)
  const length = Number(announced)
  if (length > maxBytes) throw tooLarge(maxBytes)
  take(length)
  return gather(request, length, () => {})
}

function gather(
  request: IncomingMessage,
  maxBytes: number,
  take: (bytes: number) => void,
): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const gathered = gatherBytes(maxBytes)
    let complete = false
    const onData = (part: Buffer): void => {
      try {
        take(part.length)
        if (gathered.add(part)) return
        reject(tooLarge(maxBytes))
      } catch (error) {
        reject(error)
      }
      // What was gathered is free at once, not when the last byte has been swallowed.
      request.off('data', onData)
    }
    request.on('data', onData)
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
