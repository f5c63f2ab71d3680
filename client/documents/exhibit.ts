import { base64, fromHex } from '#base/bytes.ts'
import {
  contentAddress,
  type Keyset,
  keysetDigest,
  ProtocolError,
  parseSubject,
  type Report,
  type Subject,
} from '#protocol'
import type { SessionRecord } from './document.ts'
import { keysetLife } from './keyset-life.ts'
import { fail, judge, pass, type ShownCheck, skip } from './shown-check.ts'

/** Evidence, and what it is to vouch for. */
export interface Exhibit {
  readonly evidence: unknown
  /** Undefined for bare evidence: then nothing says what its report data must be. */
  readonly keyset: Keyset | undefined
  /** Undefined unless the keyset's subject is a runner's. */
  readonly subject: Subject | undefined
  /** What the quote must answer: 64 hex digits, or null when nothing was asked. */
  readonly nonce: string | null
  readonly checks: readonly ShownCheck[]
}

/** A nonce, and whose it is: only one of the verifier's own shows that the quote is fresh. */
export interface Nonce {
  readonly value: string | null
  readonly own: boolean
}

export interface Answer {
  readonly report: Report
  readonly nonce: Nonce
}

export function evidenceExhibit(evidence: unknown): Exhibit {
  return { evidence, keyset: undefined, subject: undefined, nonce: null, checks: [] }
}

/** @param at unix seconds at which the keys must not have ended */
export function reportExhibit({ report, nonce }: Answer, at: number): Exhibit {
  const keyset = report.attestation.workload_keyset
  const subject = subjectOf(keyset)
  const checks = [
    judge('report.keyset', keysetDigest(keyset) === report.workload_keyset_digest, {
      code: 'keyset-digest',
      detail: 'the report names another keyset than the one it holds',
      remedy: 'Stop: the report was altered.',
    }),
    lifeCheck(keyset, subject, at),
    subject === undefined
      ? skip('report.subject', 'not a runner of ours: it names no model, weights, payee or GPUs')
      : pass('report.subject'),
    nonce.own ? pass('report.fresh') : skip('report.fresh', staleReason(nonce)),
  ]
  const { value } = nonce
  return { evidence: wireEvidence(report), keyset, subject, nonce: value, checks }
}

/** Only of our runners is it known how long keys may live: the evidence of their GPUs is as old. */
function lifeCheck(keyset: Keyset, subject: Subject | undefined, at: number): ShownCheck {
  const life = keysetLife(keyset, at)
  if (life === 'lasting' && subject !== undefined) {
    return fail('report.not-after', {
      code: 'keyset-lasting',
      detail: `the keys end at ${keyset.not_after}, more than a day later`,
      remedy: 'Stop: no runner of ours makes such keys; its clock may be ahead.',
    })
  }
  return judge('report.not-after', life !== 'ended', {
    code: 'keyset-expired',
    detail: `the keys ended at ${keyset.not_after}`,
    remedy: 'Ask the service for a report of its current keys.',
  })
}

function staleReason({ value }: Nonce): string {
  return value === null
    ? 'no nonce was asked: the quote may be of any age; give --nonce if there was one'
    : 'the nonce is the recorder’s: the quote may be as old as the record'
}

/**
 * The session's record, and the evidence of its upstream: a live answer over a nonce of one's own when there is one,
 * else the recorded one.
 */
export function sessionExhibit(
  session: SessionRecord,
  found: {
    /** The id under which it was asked for. */
    readonly askedAs: string | undefined
    readonly live: Answer | undefined
    readonly nonce: Nonce
    readonly evidenceDigest: string
    readonly at: number
  },
): Exhibit {
  const { live, nonce, at } = found
  const report = live?.report ?? session.report
  const exhibit = reportExhibit({ report, nonce: live?.nonce ?? nonce }, at)
  const same = keysetDigest(report.attestation.workload_keyset) === keysetDigest(session.keyset)
  const checks = [
    idCheck(session, found.askedAs),
    judge('session.evidence', found.evidenceDigest === session.reportDigest, {
      code: 'evidence-digest',
      detail: 'the digest in the session is not that of its evidence',
      remedy: 'Stop: the session was altered.',
    }),
    judge('session.keyset', same, {
      code: 'session-keyset',
      detail:
        live === undefined
          ? 'the evidence is of another keyset'
          : 'the upstream now shows another keyset',
      remedy: 'Verify the session that the gateway lists for this upstream now.',
    }),
  ]
  return { ...exhibit, checks: [...checks, ...exhibit.checks] }
}

function idCheck({ id, document }: SessionRecord, askedAs: string | undefined): ShownCheck {
  const named = askedAs ?? id
  if (named === undefined) return skip('session.id', 'the bare document names no id')
  const same = contentAddress(document) === named && (id === undefined || id === named)
  return judge('session.id', same, {
    code: 'session-id',
    detail: `the document is not session ${named}`,
    remedy: 'Stop: the gateway served another document than the one asked for.',
  })
}

function subjectOf(keyset: Keyset): Subject | undefined {
  try {
    return parseSubject(keyset.subject)
  } catch (cause) {
    if (cause instanceof ProtocolError) return undefined
    throw cause
  }
}

/** Other ACI services show a TDX quote in hex, without our envelope. @see aci/1, `evidence` */
function wireEvidence({ attestation }: Report): unknown {
  const { evidence, tee_type: type } = attestation
  const isOurs = typeof evidence !== 'object' || evidence === null || Object.hasOwn(evidence, 'tee')
  if (isOurs || type !== 'tdx') return evidence
  // Sound: a non-null object or list; members are read by own keys and judged by the verifier.
  const { quote, event_log } = evidence as Readonly<Record<string, unknown>>
  const bytes = typeof quote === 'string' ? quoteBytes(quote) : undefined
  return bytes === undefined ? evidence : { tee: { type, quote: base64(bytes), event_log } }
}

function quoteBytes(text: string) {
  try {
    return fromHex(text.replace(/^0x/, ''), { anyCase: true })
  } catch {
    return undefined
  }
}
