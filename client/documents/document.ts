import { fromBase64, fromUtf8 } from '#base/bytes.ts'
import { CodedError } from '#base/coded-error.ts'
import {
  type Keyset,
  ProtocolError,
  parseKeyset,
  parseReceipt,
  parseReport,
  type Receipt,
  type Report,
} from '#protocol'

/** What can be verified, told apart by its members and never by a file's name. */
export type Document =
  | { readonly kind: 'evidence'; readonly evidence: unknown }
  | {
      readonly kind: 'report'
      readonly report: Report
      /** The nonce that was saved with it, null for none asked; undefined when nothing is known of it. */
      readonly nonce: string | null | undefined
    }
  | { readonly kind: 'session'; readonly session: SessionRecord }
  | { readonly kind: 'receipt'; readonly receipt: Receipt }

/** An attested session: what a gateway recorded when it verified an upstream. */
export interface SessionRecord {
  /** The id that its wrapper names; undefined for the bare document. */
  readonly id: string | undefined
  /** As received: the id is the hash of its canonical form. */
  readonly document: unknown
  readonly upstream: string | undefined
  readonly keyset: Keyset
  /** The upstream's report inside, and the digest that the document gives for its bytes. */
  readonly report: Report
  readonly reportText: string
  readonly reportDigest: string
  readonly nonce: string | null | undefined
}

/**
 * - `unknown`: not a document that this command verifies (fix: give another)
 * - `malformed`: such a document, but not well-formed (stop: it is refused)
 */
export class DocumentError extends CodedError<'unknown' | 'malformed'> {
  override readonly name = 'DocumentError'
}

const NONCE = /^[0-9a-f]{64}$/
const DATA_URL = 'data:application/json;base64,'
/** Member of a saved bundle that holds what it was saved for. @see save-bundle.ts */
export const SAVED = 'verified'

/** @throws DocumentError */
export function readDocument(json: unknown): Document {
  try {
    return recognise(json, undefined)
  } catch (cause) {
    if (cause instanceof ProtocolError) throw new DocumentError('malformed', cause.message)
    throw cause
  }
}

function recognise(json: unknown, savedNonce: string | null | undefined): Document {
  const saved = member(json, SAVED)
  if (saved !== undefined) return recognise(member(saved, 'document'), nonceOf(saved))
  if (member(json, 'tee') !== undefined) return { kind: 'evidence', evidence: json }
  if (member(json, 'receipt_id') !== undefined) {
    return { kind: 'receipt', receipt: parseReceipt(json, 'receipt') }
  }
  if (member(json, 'attestation') !== undefined) {
    return { kind: 'report', report: parseReport(json, 'report'), nonce: savedNonce }
  }
  if (member(member(json, 'document') ?? json, 'channel_binding') !== undefined) {
    return { kind: 'session', session: readSession(json) }
  }
  throw new DocumentError(
    'unknown',
    'it is neither evidence ({tee, gpu?}), an ACI report, an attested session nor a receipt',
  )
}

function readSession(json: unknown): SessionRecord {
  const wrapped = member(json, 'document')
  const document = wrapped ?? json
  const id = wrapped === undefined ? undefined : textOf(json, 'session_id')
  const evidence = member(document, 'evidence')
  const reportText = reportTextOf(textOf(evidence, 'data') ?? '')
  return {
    id,
    document,
    upstream: textOf(document, 'upstream_name'),
    keyset: parseKeyset(member(document, 'workload_keyset'), 'workload_keyset'),
    report: parseReport(parsed(reportText), 'evidence.data'),
    reportText,
    reportDigest: textOf(evidence, 'digest') ?? '',
    nonce: nonceOf(document),
  }
}

function reportTextOf(url: string): string {
  const malformed = new DocumentError('malformed', 'session: evidence.data is no JSON data URL')
  if (!url.startsWith(DATA_URL)) throw malformed
  try {
    return fromUtf8(fromBase64(url.slice(DATA_URL.length)))
  } catch {
    throw malformed
  }
}

function parsed(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text)
    return value
  } catch {
    throw new DocumentError('malformed', 'session: evidence.data is no JSON')
  }
}

function nonceOf(value: unknown): string | null | undefined {
  const nonce = member(value, 'nonce')
  return nonce === null || (typeof nonce === 'string' && NONCE.test(nonce)) ? nonce : undefined
}

function member(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined
  // Sound: a non-null object that has this own key.
  return (value as Readonly<Record<string, unknown>>)[name]
}

function textOf(value: unknown, name: string): string | undefined {
  const text = member(value, name)
  return typeof text === 'string' ? text : undefined
}
