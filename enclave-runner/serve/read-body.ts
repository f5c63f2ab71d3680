import { gatherBytes } from '#base/gather-bytes.ts'
import { SEAL_ROOM_BYTES } from '#protocol'
import type { HttpRequest } from './http.ts'
import { Refusal } from './refusal.ts'

/** 32 MiB of body, with room for padding and frames. */
const MAX_WIRE_BYTES = 32 * 1024 * 1024 + SEAL_ROOM_BYTES

/** Reads a request body whole. @throws Refusal `body_too_large`; Error when the peer goes away */
export function readBody(request: HttpRequest): Promise<Uint8Array> {
  const announced = Number(request.headers['content-length'] ?? 0)
  if (announced > MAX_WIRE_BYTES) return Promise.reject(tooLarge())
  return new Promise((resolve, reject) => {
    const leave = (): void => reject(new Error('the peer went away'))
    const gathered = gatherBytes(MAX_WIRE_BYTES)
    request.on('data', (part: Buffer) => {
      if (gathered.add(part)) return
      request.pause()
      reject(tooLarge())
    })
    request.on('end', () => {
      request.off('close', leave)
      // What was cut short must not be taken for a request: a plain EHBP body has no end of its own.
      if (!request.complete) {
        leave()
        return
      }
      resolve(gathered.whole())
    })
    request.on('error', reject)
    request.on('close', leave)
  })
}

function tooLarge(): Refusal {
  return new Refusal('body_too_large', 'request bodies are limited to 32 MiB')
}
