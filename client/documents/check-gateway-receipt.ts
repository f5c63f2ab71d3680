import {
  type CryptoMode,
  contentAddress,
  gatewayOrigin,
  type Keyset,
  ProtocolError,
  type Provider,
  type Receipt,
  type ReceiptEvent,
  receiptEvent,
  verifyReceipt,
} from '#protocol'
import { checkReceipt } from './check-receipt.ts'
import type { SessionRecord } from './document.ts'
import { judge, type ShownCheck, skip } from './shown-check.ts'

/** What lies beside a gateway's own receipt. */
export interface GatewayReceiptFacts {
  /** Of the gateway's report: the keys that its evidence vouches for. */
  readonly keyset: Keyset
  /** The gateway that was asked; undefined: any. */
  readonly origin: string | undefined
  /** The session that the receipt cites, if it could be had. */
  readonly session: SessionRecord | undefined
  /** The runner's receipt of the same request, if it could be had. */
  readonly runner: Receipt | undefined
  /** `sha256:<hex>` of what the reader sent and got, where he has it. */
  readonly request: string | undefined
  readonly response: string | undefined
}

/** Whether a receipt is one of a service that passes requests on. @see aci/1, section 7.5 */
export function isGatewayReceipt(receipt: Receipt): boolean {
  return receipt.event_log.some(({ type }) => type === 'upstream.verified')
}

/**
 * A gateway's own receipt: 1. its keys are those of the gateway's evidence  2. signed by one of them  3. it cites a session
 * that exists  4. the runner's receipt begins where this one ends  5. the bodies are the reader's
 */
export async function checkGatewayReceipt(
  receipt: Receipt,
  facts: GatewayReceiptFacts,
  provider: Provider<CryptoMode>,
): Promise<readonly ShownCheck[]> {
  const origin = gatewayOrigin(facts.keyset.subject)
  const named = judge(
    'receipt.gateway',
    origin !== undefined && (facts.origin === undefined || facts.origin === origin),
    {
      code: 'receipt-gateway',
      detail: 'the keys are not those of the gateway that was asked',
      remedy: 'Stop: somebody answers in the gateway’s name, or it is known by another address.',
    },
  )
  const signed = await checkReceipt(receipt, facts.keyset, provider)
  return [
    named,
    ...signed.filter(({ id }) => id !== 'receipt.numbers'),
    upstreamCheck(receipt, facts.session),
    await forwardedCheck(receipt, facts, provider),
    bodyCheck('receipt.request', bodyHash(receipt, 'request.received'), facts.request),
    bodyCheck('receipt.response', bodyHash(receipt, 'response.returned'), facts.response),
  ]
}

function upstreamCheck(receipt: Receipt, session: SessionRecord | undefined): ShownCheck {
  const event = only(receipt, 'upstream.verified')
  const cited = event?.session_id
  const isVerified = event?.result === 'verified' && event.required
  if (isVerified && session === undefined) {
    return skip('receipt.upstream', `session ${cited} was not to be had`)
  }
  const holds = isVerified && session !== undefined && contentAddress(session.document) === cited
  return judge('receipt.upstream', holds, {
    code: 'receipt-upstream',
    detail: isVerified
      ? 'the session at hand is not the one that the receipt cites'
      : 'the gateway does not say that it verified the runner first',
    remedy: 'Do not rely on it: verify the runner by its own receipt.',
  })
}

/** The two receipts of a request meet in the bytes between gateway and runner. */
async function forwardedCheck(
  receipt: Receipt,
  { session, runner }: GatewayReceiptFacts,
  provider: Provider<CryptoMode>,
): Promise<ShownCheck> {
  if (session === undefined || runner === undefined) {
    return skip('receipt.forwarded', 'the runner’s receipt of this request is not at hand')
  }
  const sent = bodyHash(receipt, 'request.forwarded')
  const holds =
    runner.receipt_id === receipt.receipt_id &&
    sent !== undefined &&
    sent === bodyHash(runner, 'request.received') &&
    (await isSigned(runner, session.keyset, provider))
  return judge('receipt.forwarded', holds, {
    code: 'receipt-forwarded',
    detail: 'the runner of the cited session signed for another request than the gateway sent',
    remedy: 'Keep both receipts and dispute them: one of the two lies.',
  })
}

async function isSigned(
  receipt: Receipt,
  keyset: Keyset,
  provider: Provider<CryptoMode>,
): Promise<boolean> {
  try {
    await verifyReceipt(receipt, keyset, provider)
    return true
  } catch (cause) {
    if (cause instanceof ProtocolError) return false
    throw cause
  }
}

type BodyEvent = 'request.received' | 'request.forwarded' | 'response.returned'

function bodyHash(receipt: Receipt, type: BodyEvent): string | undefined {
  return only(receipt, type)?.body_hash
}

/** The one event of a type: of two, a reader could believe either. */
function only<T extends ReceiptEvent['type']>(
  receipt: Receipt,
  type: T,
): ReturnType<typeof receiptEvent<T>> {
  try {
    return receiptEvent(receipt, type)
  } catch (cause) {
    if (cause instanceof ProtocolError) return undefined
    throw cause
  }
}

function bodyCheck(
  id: 'receipt.request' | 'receipt.response',
  said: string | undefined,
  seen: string | undefined,
): ShownCheck {
  if (seen === undefined) return skip(id, 'the body was not given: only who has it can compare')
  return judge(id, said === seen, {
    code: `${id.replace('.', '-')}-body`,
    detail: 'the receipt is over another body than the one given',
    remedy:
      'Give the exact bytes; if these are they, somebody between you and the gateway changed them.',
  })
}
