import {
  type Allowance,
  costOf,
  type Receipt,
  receiptId,
  type requestDigests,
  type Signer,
  signReceipt,
  type Transcript,
} from '#protocol'
import type { ReceiptChanges } from './runner-answers.ts'
import { MODEL } from './world.ts'

/** What one exchange came to, as its receipt tells it. */
export interface Served {
  readonly allowance: Allowance
  /** Of the runner's keyset. */
  readonly digest: string
  readonly path: string
  readonly at: number
  readonly payee: string
  readonly digests: ReturnType<typeof requestDigests>
  readonly transcript: Transcript
  readonly signer: Signer
}

/** Signs over what was sealed so far. */
export function signTestReceipt(served: Served, usage: Partial<ReceiptChanges> = {}): Receipt {
  const counts = {
    prompt_tokens: usage.prompt ?? 10,
    cached_tokens: 0,
    completion_tokens: usage.completion ?? 5,
    reasoning_tokens: 0,
  }
  const response = served.transcript.digests()
  const { request: id } = served.allowance
  const { price = served.allowance.price, attempt = served.allowance.attempt } = usage
  return signReceipt(
    {
      receipt_id: receiptId(id, attempt),
      chat_id: 'chatcmpl-1',
      model: MODEL,
      workload_keyset_digest: served.digest,
      endpoint: served.path,
      served_at: served.at,
      event_log: [
        { type: 'request.received', body_hash: served.digests.body_hash },
        {
          type: 'usage.metered',
          request: id,
          attempt,
          ...counts,
          stop_reason: usage.stop ?? 'normal',
          price,
          cost: usage.cost ?? costOf(counts, price),
          payee: usage.payee ?? served.payee,
        },
        {
          type: 'plaintext.committed',
          algo: 'hmac-sha256',
          request: served.digests.commitment,
          response: response.commitment,
        },
        { type: 'response.returned', body_hash: usage.responseHash ?? response.body_hash },
      ],
    },
    usage.signer ?? served.signer,
  )
}
