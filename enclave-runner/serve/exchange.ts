import type { Clock, Random } from '#base/brand.ts'
import { toSeconds } from '#base/brand.ts'
import type { Nano } from '#base/nano.ts'
import type {
  BodyDigests,
  BodySealer,
  OpenedRequest,
  Provider,
  Receipt,
  StopReason,
} from '#protocol'
import {
  costOf,
  RESPONSE_NONCE_BYTES,
  receiptId,
  receiptJson,
  requestDigests,
  signReceipt,
  Transcript,
} from '#protocol'
import type { Usage } from '../engine/engine.ts'
import type { Outbox } from '../outbox/outbox.ts'
import type { Log } from '../runtime.ts'
import type { Ticket } from './admit.ts'
import type { HttpResponse } from './http.ts'
import { tokenCounts } from './meter.ts'

export interface ExchangeDeps {
  readonly provider: Provider<'sync'>
  readonly outbox: Outbox
  readonly payee: string
  readonly model: string
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
}

/** What can stop one request. */
export interface Run {
  /** Stops the engine. */
  readonly signal: AbortSignal
  /** Whether the client went away: then nobody reads an answer. */
  readonly isGone: boolean
  stopEngine(): void
}

/** One opened request and its sealed answer. Every exchange ends in exactly one receipt. */
export interface Exchange {
  readonly ticket: Ticket
  readonly opened: OpenedRequest
  readonly response: HttpResponse
  readonly sealer: BodySealer<'sync'>
  /** Headers that the answer's body is opened with. */
  readonly headers: Readonly<Record<string, string>>
  readonly run: Run
  /** Signs the receipt over what was sent so far and keeps it in the outbox. Call once. */
  issueReceipt(outcome: Outcome): Receipt
}

export interface Outcome {
  readonly usage: Usage
  readonly ending: StopReason
  /** `id` of the answer, when it has one. */
  readonly chatId: string | undefined
}

export function createExchange(
  deps: ExchangeDeps,
  input: {
    ticket: Ticket
    opened: OpenedRequest
    wire: Uint8Array
    response: HttpResponse
    run: Run
  },
): Exchange {
  const { ticket, opened, response, run } = input
  const { hashes, bodies } = deps.provider
  const { commitmentKey, plaintext } = opened
  const request = requestDigests(hashes, { wire: input.wire, plaintext, commitmentKey })
  const transcript = new Transcript(hashes, commitmentKey)
  const sealed = opened.respond(deps.random(RESPONSE_NONCE_BYTES))
  return {
    ticket,
    opened,
    response,
    run,
    headers: sealed.headers,
    sealer: bodies.sealer(sealed.keys, transcript),
    issueReceipt: (outcome) =>
      issueReceipt(deps, ticket, { request, response: transcript.digests() }, outcome),
  }
}

function issueReceipt(
  deps: ExchangeDeps,
  ticket: Ticket,
  bodies: { request: BodyDigests; response: BodyDigests },
  { usage, ending, chatId }: Outcome,
): Receipt {
  const { payee, model, clock } = deps
  const { allowance, lease, path } = ticket
  const { request, attempt, price } = allowance
  const counts = tokenCounts(usage)
  const cost = costOf(counts, price)
  const id = receiptId(request, attempt)
  const metered = { request, attempt, ...counts, stop_reason: ending, price, cost, payee }
  const receipt = signReceipt(
    {
      receipt_id: id,
      chat_id: chatId ?? id,
      model,
      workload_keyset_digest: lease.identity.digest,
      endpoint: path,
      served_at: toSeconds(clock()),
      event_log: [
        { type: 'request.received', body_hash: bodies.request.body_hash },
        { type: 'usage.metered', ...metered },
        {
          type: 'plaintext.committed',
          algo: 'hmac-sha256',
          request: bodies.request.commitment,
          response: bodies.response.commitment,
        },
        { type: 'response.returned', body_hash: bodies.response.body_hash },
      ],
    },
    lease.identity.signer,
  )
  keep(deps, ticket, receipt, cost)
  return receipt
}

function keep(
  { outbox, log }: ExchangeDeps,
  { allowance, lease }: Ticket,
  receipt: Receipt,
  cost: Nano,
): void {
  const { receipt_id: receiptId, served_at: at } = receipt
  const { gateway, runnerId: runner } = lease
  const { ref } = allowance
  try {
    outbox.put({ gateway, runner, receiptId, ref, cost, at, receipt: receiptJson(receipt) })
  } catch (error) {
    // The receipt still reaches the gateway at the end of the answer; the host must hear of this.
    const code = error instanceof Error ? error.name : 'unknown'
    log('error', 'receipt not kept', { receipt: receiptId, code })
  }
}
