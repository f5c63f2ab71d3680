import { hex } from '#base/bytes.ts'
import type { Signer } from './crypto.ts'
import { canonicalMessage } from './hash.ts'
import { runnerId } from './ids.ts'
import { PURPOSE } from './labels.ts'
import {
  amount,
  exact,
  hexOf,
  json,
  list,
  literal,
  oneOf,
  open,
  optional,
  type Parsed,
  seconds,
  text,
} from './parse.ts'

const MAX_BATCH = 256

/** Receipts of a runner's outbox, each with the `ref` of its allowance. @see SPEC.md section 9.4 */
export const parseReceiptBatch = exact({
  runner: runnerId,
  receipts: list(exact({ receipt: json, ref: text(512) }), { min: 1, max: MAX_BATCH }),
})
export type ReceiptBatch = Parsed<typeof parseReceiptBatch>

const refusal = exact({
  purpose: literal(PURPOSE.refusal),
  gateway: text(512),
  runner: runnerId,
  receipt_id: text(64),
  reason: text(64, /^[a-z_]+$/),
  at: seconds,
})
export type Refusal = Parsed<typeof refusal>

/** One outcome per receipt: `refused` is final and carries a reason signed by the gateway (H20). */
export const parseReceiptBatchAnswer = open({
  results: list(
    open({
      receipt_id: text(64),
      status: oneOf('settled', 'duplicate', 'refused'),
      /** The host's share of the cost, once settled. */
      host: optional(amount),
      refusal: optional(refusal),
      signature: optional(hexOf(64)),
    }),
    { max: MAX_BATCH },
  ),
})
export type ReceiptBatchAnswer = Parsed<typeof parseReceiptBatchAnswer>

export function signRefusal(
  said: Omit<Refusal, 'purpose'>,
  signer: Signer,
): { refusal: Refusal; signature: string } {
  const signed = { ...said, purpose: PURPOSE.refusal }
  return { refusal: signed, signature: hex(signer.sign(canonicalMessage(signed))) }
}
