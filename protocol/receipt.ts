import { fromHex, hex } from '#base/bytes.ts'
import type { Json } from '#base/jcs.ts'
import { MAX_ATTEMPT, prices } from './allowance.ts'
import { costOf } from './cost.ts'
import type { CryptoMode, Provider, Signer } from './crypto.ts'
import { ProtocolError } from './errors.ts'
import { canonicalMessage, toWire } from './hash.ts'
import { modelId, receiptId, requestId, tonAddress } from './ids.ts'
import { type Keyset, keysetDigest, receiptKeyOf } from './keyset.ts'
import {
  amount,
  bool,
  digest,
  exact,
  hexOf,
  integer,
  list,
  literal,
  nullable,
  oneOf,
  open,
  type Parsed,
  type Parser,
  seconds,
  text,
} from './parse.ts'

const MAX_EVENTS = 16
const tokens = integer(0, 100_000_000)

const metered = exact({
  type: literal('usage.metered'),
  request: requestId,
  attempt: integer(1, MAX_ATTEMPT),
  prompt_tokens: tokens,
  /** Part of the prompt tokens. */
  cached_tokens: tokens,
  completion_tokens: tokens,
  /** Part of the completion tokens. */
  reasoning_tokens: tokens,
  stop_reason: oneOf('normal', 'length', 'aborted', 'error'),
  price: prices,
  cost: amount,
  payee: tonAddress,
})

const committed = exact({
  type: literal('plaintext.committed'),
  algo: literal('hmac-sha256'),
  request: hexOf(32),
  response: hexOf(32),
})

const received = exact({ type: literal('request.received'), body_hash: digest })
const returned = exact({ type: literal('response.returned'), body_hash: digest })
// The two events of an attested gateway's own receipt.
const forwarded = exact({ type: literal('request.forwarded'), body_hash: digest })
const verified = exact({
  type: literal('upstream.verified'),
  model_id: modelId,
  required: bool,
  result: oneOf('verified', 'failed'),
  session_id: hexOf(32),
})
const EVENTS = {
  'request.received': received,
  'request.forwarded': forwarded,
  'upstream.verified': verified,
  'usage.metered': metered,
  'plaintext.committed': committed,
  'response.returned': returned,
} as const

export type MeteredUsage = Parsed<typeof metered>
export type ReceiptEvent = Parsed<(typeof EVENTS)[keyof typeof EVENTS]>
export type StopReason = MeteredUsage['stop_reason']

const event: Parser<ReceiptEvent> = (value, path) => {
  const { type } = open({ type: text(64) })(value, path)
  if (!isKnown(type)) throw new ProtocolError('message_invalid', `${path}: unknown event type`)
  return EVENTS[type](value, path)
}

function isKnown(type: string): type is keyof typeof EVENTS {
  return Object.hasOwn(EVENTS, type)
}

/** A receipt in ACI form: a runner's, or a gateway's own. @see SPEC.md section 8 */
export const parseReceipt = exact({
  api_version: literal('aci/1'),
  receipt_id: text(64, /^req_[0-9a-f]{32}(?:\.[0-9]{1,4})?$/),
  /** Null: whoever signs it does not know the answer's own id. */
  chat_id: nullable(text(128)),
  model: modelId,
  workload_keyset_digest: digest,
  endpoint: text(200),
  method: literal('POST'),
  served_at: seconds,
  key_id: text(128),
  event_log: list(event, { min: 1, max: MAX_EVENTS }),
  signature: hexOf(64),
})

export type Receipt = Parsed<typeof parseReceipt>
export type UnsignedReceipt = Omit<Receipt, 'signature' | 'key_id' | 'api_version' | 'method'>

export function signReceipt(receipt: UnsignedReceipt, signer: Signer): Receipt {
  // Named one by one: a stray member of a wider object must not be signed.
  const unsigned = {
    api_version: 'aci/1',
    receipt_id: receipt.receipt_id,
    chat_id: receipt.chat_id,
    model: receipt.model,
    workload_keyset_digest: receipt.workload_keyset_digest,
    endpoint: receipt.endpoint,
    method: 'POST',
    served_at: receipt.served_at,
    key_id: signer.keyId,
    event_log: receipt.event_log,
  } as const
  return { ...unsigned, signature: hex(signer.sign(canonicalMessage(unsigned))) }
}

/** The one event of a type; a receipt that repeats one has no single meaning. */
export function receiptEvent<T extends ReceiptEvent['type']>(
  receipt: Receipt,
  type: T,
): Extract<ReceiptEvent, { type: T }> | undefined {
  const found = receipt.event_log.filter(
    (entry): entry is Extract<ReceiptEvent, { type: T }> => entry.type === type,
  )
  if (found.length > 1) throw new ProtocolError('message_invalid', 'receipt: repeated event')
  return found[0]
}

/**
 * Proves that the keyset's receipt key signed this document and that its own numbers agree.
 * What the receipt says about bodies is compared by `Transcript`.
 * @returns the usage to settle
 */
export async function verifyReceipt(
  receipt: Receipt,
  keyset: Keyset,
  provider: Pick<Provider<CryptoMode>, 'verify'>,
): Promise<MeteredUsage> {
  if (receipt.workload_keyset_digest !== keysetDigest(keyset)) {
    throw new ProtocolError('receipt_mismatch', 'receipt is under another keyset')
  }
  const { signature, ...unsigned } = receipt
  await verifyDocument(unsigned, signature, receiptKeyOf(keyset, receipt.key_id), provider)
  return consistentUsage(receipt)
}

/** Ed25519 over the canonical form of any ACI document without its `signature`. */
export async function verifyDocument(
  unsigned: unknown,
  signature: string,
  publicKey: Uint8Array,
  provider: Pick<Provider<CryptoMode>, 'verify'>,
): Promise<void> {
  const valid = await provider.verify(publicKey, canonicalMessage(unsigned), fromHex(signature))
  if (!valid) throw new ProtocolError('signature_invalid', 'signature does not verify')
}

function consistentUsage(receipt: Receipt): MeteredUsage {
  const usage = receiptEvent(receipt, 'usage.metered')
  if (usage === undefined) throw new ProtocolError('receipt_mismatch', 'receipt has no usage')
  const consistent =
    receipt.receipt_id === receiptId(usage.request, usage.attempt) &&
    usage.cached_tokens <= usage.prompt_tokens &&
    usage.reasoning_tokens <= usage.completion_tokens &&
    usage.cost === costOf(usage, usage.price)
  if (!consistent) throw new ProtocolError('receipt_mismatch', 'receipt contradicts itself')
  return usage
}

/** The receipt as JSON, for transport. */
export function receiptJson(receipt: Receipt): Json {
  return toWire(receipt)
}
