import type { Random } from '#base/brand.ts'
import { hex } from '#base/bytes.ts'
import { text } from './parse.ts'

const REQUEST_ID_BYTES = 16

/** `req_` and 128 bits of the gateway's own randomness (H21). */
export const requestId = text(36, /^req_[0-9a-f]{32}$/)

/** `run_` and a name of lower-case letters and digits. */
export const runnerId = text(64, /^run_[0-9a-z]{1,60}$/)

/** A raw TON address: workchain, colon, 64 hex digits. */
export const tonAddress = text(70, /^(?:0|-1):[0-9a-f]{64}$/)

/** A model's id as requests name it. */
export const modelId = text(200, /^[\x21-\x7e]+$/)

export function newRequestId(random: Random): string {
  return `req_${hex(random(REQUEST_ID_BYTES))}`
}

/** The receipt of attempt 1 has the request's id; later ones add `.<n>`. @see SPEC.md section 8 */
export function receiptId(request: string, attempt: number): string {
  return attempt === 1 ? request : `${request}.${attempt}`
}
