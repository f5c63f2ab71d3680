import type { UnixSeconds } from '#base/brand.ts'
import type { Nano } from '#base/nano.ts'
import {
  type BodyDigests,
  checkReceiptBodies,
  type MeteredUsage,
  ProtocolError,
  type Provider,
  type Receipt,
  verifyReceipt,
} from '#protocol'
import { ClientError } from '../errors.ts'
import type { VerifiedRunner } from '../verify/verify-runner.ts'
import type { Ask } from './read-ask.ts'

/** A receipt that fits what this client sent and got. */
export interface VerifiedReceipt {
  readonly id: string
  readonly runner: string
  readonly sessionId: string
  readonly model: string
  readonly usage: MeteredUsage
  /** NanoTON. */
  readonly cost: Nano
  /** The signed document, for disputes. */
  readonly receipt: Receipt
}

export interface ReceiptFacts {
  readonly runner: VerifiedRunner
  readonly ask: Ask
  /** Most that the sealed head allowed. */
  readonly maxCost: Nano
  /** HTTP status as it was told. */
  readonly status: number
  readonly sentAt: UnixSeconds
  readonly now: UnixSeconds
  readonly request: BodyDigests
  readonly response: BodyDigests
  /** Plaintext bytes of the answer before its receipt. */
  readonly answerBytes: number
}

const CLOCK_SKEW_SECONDS = 300
/** Tokens without any text: template and stop tokens. */
const SPARE_TOKENS = 64

/**
 * Whether this receipt is that of this very exchange, and its bill one to be paid (M3):
 * 1. signed by the attested key, its numbers agree  2. this endpoint, model, host and time  3. these bodies
 * 4. price and cost as agreed, counts possible  5. how it says that the answer ended
 * @throws ClientError `receipt_mismatch`, `bill_implausible` or `answer_mislabelled`
 */
export async function checkReceipt(
  provider: Provider,
  receipt: Receipt,
  facts: ReceiptFacts,
): Promise<VerifiedReceipt> {
  const usage = await signedUsage(provider, receipt, facts)
  checkExchange(receipt, usage, facts)
  checkBill(usage, facts)
  checkEnding(usage, facts)
  const { id: runner, sessionId } = facts.runner
  const { receipt_id: id, model } = receipt
  return { id, runner, sessionId, model, usage, cost: usage.cost, receipt }
}

async function signedUsage(
  provider: Provider,
  receipt: Receipt,
  { runner, request, response }: ReceiptFacts,
): Promise<MeteredUsage> {
  try {
    const usage = await verifyReceipt(receipt, runner.keyset, provider)
    checkReceiptBodies(receipt, { request, response })
    return usage
  } catch (cause) {
    if (!(cause instanceof ProtocolError)) throw cause
    throw new ClientError('receipt_mismatch', `Receipt refused (${cause.message})`, { cause })
  }
}

function checkExchange(receipt: Receipt, usage: MeteredUsage, facts: ReceiptFacts): void {
  const { runner, ask, sentAt, now } = facts
  const wrong = Object.entries({
    endpoint: receipt.endpoint !== ask.path,
    model: receipt.model !== runner.subject.model,
    payee: usage.payee !== runner.subject.payee,
    served_at:
      receipt.served_at < sentAt - CLOCK_SKEW_SECONDS ||
      receipt.served_at > now + CLOCK_SKEW_SECONDS,
  }).find(([, isWrong]) => isWrong)
  if (wrong !== undefined) {
    throw new ClientError('receipt_mismatch', `The receipt's ${wrong[0]} is another one`)
  }
}

function checkBill(usage: MeteredUsage, facts: ReceiptFacts): void {
  const { ask, maxCost, answerBytes, runner } = facts
  const offered = runner.candidate.price
  const { price } = usage
  const visible = usage.completion_tokens - usage.reasoning_tokens
  const wrong = Object.entries({
    cost: usage.cost > maxCost,
    price:
      offered !== undefined &&
      (price.input > offered.input ||
        price.cached > offered.cached ||
        price.output > offered.output),
    prompt_tokens: usage.prompt_tokens > ask.promptBound,
    completion_tokens:
      (ask.maxTokens !== undefined && usage.completion_tokens > ask.maxTokens) ||
      visible > answerBytes + SPARE_TOKENS,
  }).find(([, isWrong]) => isWrong)
  if (wrong !== undefined) {
    throw new ClientError('bill_implausible', `The receipt's ${wrong[0]} is above what can be`)
  }
}

/** The status travels outside the seal: the receipt says whether the answer was an error. */
function checkEnding({ stop_reason }: MeteredUsage, { status, ask }: ReceiptFacts): void {
  const whole = stop_reason === 'normal' || stop_reason === 'length'
  const saysWhole = status >= 200 && status < 300
  // A stream that fails has begun as 200 and ends with an error event.
  if (whole !== saysWhole && !(ask.stream && saysWhole)) {
    throw new ClientError('answer_mislabelled', 'The status is not that of the sealed answer')
  }
}
