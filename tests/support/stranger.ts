import { createHash, createHmac, createPublicKey, verify } from 'node:crypto'

/**
 * What somebody who has only the specification can check, with Node's own crypto and nothing of ours. No file of the
 * product may be imported here.
 */
export interface ReceiptDocument {
  readonly receipt_id: string
  readonly model: string
  readonly workload_keyset_digest: string
  readonly key_id: string
  readonly event_log: readonly Readonly<Record<string, unknown>>[]
  readonly signature: string
}

export interface KeysetDocument {
  readonly subject: string
  readonly receipt_signing_keys: readonly {
    readonly key_id: string
    readonly public_key: string
  }[]
}

export interface Usage {
  readonly request: string
  readonly attempt: number
  readonly prompt_tokens: number
  readonly cached_tokens: number
  readonly completion_tokens: number
  readonly stop_reason: string
  readonly price: { readonly input: string; readonly cached: string; readonly output: string }
  readonly cost: string
  readonly payee: string
}

/** RFC 8785 for what receipts and keysets hold: strings, integers, booleans, null, lists and objects. */
export function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
  return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${canonical(member)}`).join(',')}}`
}

export function sha256(data: string | Uint8Array): string {
  return createHash('sha256').update(data).digest('hex')
}

export function hmac(keyHex: string, data: Uint8Array): string {
  return createHmac('sha256', Buffer.from(keyHex, 'hex')).update(data).digest('hex')
}

const ED25519_SPKI = '302a300506032b6570032100'

/** Whether the keyset's key that the receipt names signed all of it but the signature. */
export function isSigned(receipt: ReceiptDocument, keyset: KeysetDocument): boolean {
  const { signature, ...rest } = receipt
  const named = keyset.receipt_signing_keys.find(({ key_id }) => key_id === receipt.key_id)
  return named !== undefined && isSignedBy(rest, signature, named.public_key)
}

/** Whether an Ed25519 key (hex) signed a document's canonical form. */
export function isSignedBy(document: unknown, signature: string, publicKey: string): boolean {
  const der = Buffer.from(ED25519_SPKI + publicKey, 'hex')
  const key = createPublicKey({ key: der, format: 'der', type: 'spki' })
  return verify(null, Buffer.from(canonical(document)), key, Buffer.from(signature, 'hex'))
}

export function eventOf(receipt: ReceiptDocument, type: string): Readonly<Record<string, unknown>> {
  const event = receipt.event_log.find((entry) => entry['type'] === type)
  if (event === undefined) throw new Error(`the receipt has no ${type}`)
  return event
}

export function usageOf(receipt: ReceiptDocument): Usage {
  // Sound for tests: a member that is missing fails the comparison that reads it.
  return eventOf(receipt, 'usage.metered') as unknown as Usage
}

/** One rounding up of the whole sum. */
export function costOf(usage: Usage): bigint {
  const { input, cached, output } = usage.price
  const sum =
    BigInt(usage.prompt_tokens - usage.cached_tokens) * BigInt(input) +
    BigInt(usage.cached_tokens) * BigInt(cached) +
    BigInt(usage.completion_tokens) * BigInt(output)
  return (sum + 999_999n) / 1_000_000n
}

export interface Parts {
  /** The answer's bytes that the commitment is over. */
  readonly covered: Buffer
  readonly receipt: ReceiptDocument
}

const SSE_RECEIPT = ': cocoon-receipt '
const JSON_RECEIPT = ',"cocoon_receipt":'

/** Cuts an answer, as it came, at its receipt. */
export function splitAnswer(answer: Buffer): Parts {
  const sse = answer.lastIndexOf(SSE_RECEIPT)
  if (sse !== -1) {
    const line = answer.subarray(sse + SSE_RECEIPT.length).toString()
    const coded = line.slice(0, line.indexOf('\n'))
    const receipt = JSON.parse(Buffer.from(coded, 'base64url').toString())
    return { covered: answer.subarray(0, sse), receipt }
  }
  const json = answer.lastIndexOf(JSON_RECEIPT)
  if (json === -1) throw new Error('the answer has no receipt')
  const { cocoon_receipt: receipt } = JSON.parse(answer.toString())
  return { covered: answer.subarray(0, json), receipt }
}

const TDX_HEADER_BYTES = 48
/** Version 5 puts a type and a length before the body. */
const TDX_V5_BYTES = 6
const TDX_REPORT_DATA_AT = 520

/** The 64 bytes that the chip signed for its guest, by AMD's and Intel's tables, in hex. */
export function reportDataOf(tee: Readonly<Record<string, string>>): string {
  if (tee['type'] === 'sev-snp') {
    return Buffer.from(tee['report'] ?? '', 'base64')
      .subarray(0x50, 0x90)
      .toString('hex')
  }
  const quote = Buffer.from(tee['quote'] ?? '', 'base64')
  const body = TDX_HEADER_BYTES + (quote.readUInt16LE(0) === 5 ? TDX_V5_BYTES : 0)
  return quote.subarray(body + TDX_REPORT_DATA_AT, body + TDX_REPORT_DATA_AT + 64).toString('hex')
}
