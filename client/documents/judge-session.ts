import {
  type Attested,
  type Claims,
  type Collateral,
  DEFAULT_POLICY,
  type TrustAnchors,
  verifyEvidence,
} from '#attestation'
import type { UnixSeconds } from '#base/brand.ts'
import { hex, utf8 } from '#base/bytes.ts'
import type { CurrentAllowlist } from '../registry/allowlist.ts'
import type { SessionRecord } from './document.ts'
import { type Answer, sessionExhibit } from './exhibit.ts'
import { expectedOf } from './expected.ts'
import type { ShownCheck } from './shown-check.ts'

export interface JudgedSession {
  readonly status: 'verified' | 'simulated' | 'refused'
  readonly checks: readonly ShownCheck[]
  /** Only when it is not refused. */
  readonly claims: Claims | undefined
  readonly attested: Attested | undefined
}

/**
 * Judges a session's document by its reader's own means: 1. the record is the one that its id names, whole, and of one
 * keyset  2. its evidence, or what the runner answers now over a nonce of ours, proves that keyset
 * 3. what it proves is allowed by the Registry that the reader read
 */
export async function judgeSession(given: {
  readonly session: SessionRecord
  /** The id under which it was asked for. */
  readonly askedAs: string
  /** What the runner answered to a nonce of the reader's own, if it still answers. */
  readonly live: Answer | undefined
  readonly allowlist: CurrentAllowlist
  readonly collateral: Collateral
  /** Undefined: the pinned roots. */
  readonly anchors: TrustAnchors | undefined
  readonly now: UnixSeconds
  /** When the keys must not have ended: now, or when a receipt was signed. */
  readonly usedAt: UnixSeconds
}): Promise<JudgedSession> {
  const { session, askedAs, live, allowlist, collateral, anchors, now } = given
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', utf8(session.reportText)))
  const exhibit = sessionExhibit(session, {
    askedAs,
    live,
    nonce: { value: session.nonce ?? null, own: false },
    evidenceDigest: `sha256:${hex(digest)}`,
    at: given.usedAt,
  })
  const { keyset, subject, nonce, evidence } = exhibit
  if (keyset === undefined) throw new TypeError('a session has a keyset')
  const verdict = await verifyEvidence({
    evidence,
    collateral,
    now,
    ...(anchors === undefined ? {} : { anchors }),
    expected: expectedOf({ keyset, subject, nonce }),
    policy: {
      ...DEFAULT_POLICY,
      allowlist: allowlist.allowlist,
      minAllowlistVersion: allowlist.minVersion,
    },
  })
  const checks = [...exhibit.checks, ...verdict.checks]
  const isRefused = verdict.status === 'refused' || checks.some(({ status }) => status === 'fail')
  return isRefused
    ? { status: 'refused', checks, claims: undefined, attested: undefined }
    : { status: verdict.status, checks, claims: verdict.claims, attested: verdict.attested }
}
