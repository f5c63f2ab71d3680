import { base64, utf8 } from '#base/bytes.ts'
import type { Json } from '#base/jcs.ts'
import { contentAddress, type Report } from '#protocol'
import { type SessionId, sessionId } from '../db/ids.ts'
import type { Judgement } from './judge-evidence.ts'

/** The immutable record of a verified runner, in ACI's form, and its content address. */
export interface SessionDocument {
  readonly id: SessionId
  readonly document: Json
}

const VERIFIER = 'cocoon-gateway/1'

/**
 * @param input.report the runner's report exactly as it was judged: anyone can judge it again
 * @param input.evidenceDigest `sha256:<hex>` of the report's JSON text
 * @param input.establishedAt unix seconds
 * @see aci/1, "attested sessions"
 */
export function sessionDocument(input: {
  readonly report: Report
  readonly reportText: string
  readonly evidenceDigest: string
  readonly runner: string
  readonly origin: string
  readonly challenge: string
  readonly establishedAt: number
  readonly judgement: Judgement
}): SessionDocument {
  const { report, judgement } = input
  const { verdict } = judgement
  const keyset = report.attestation.workload_keyset
  const { gpu_binding, physical_custody, ...claims } = verdict.claims
  const document = {
    api_version: 'aci/1',
    upstream_name: input.runner,
    endpoint: input.origin,
    verifier_id: VERIFIER,
    established_at: input.establishedAt,
    expires_at: keyset.not_after,
    channel_binding: [
      { type: 'aci_keyset', origin: input.origin, keyset_digest: report.workload_keyset_digest },
    ],
    claims: { ...claims, extra: { gpu_binding, physical_custody, tcb: verdict.attested.tcb } },
    evidence: {
      data: `data:application/json;base64,${base64(utf8(input.reportText))}`,
      digest: input.evidenceDigest,
    },
    nonce: input.challenge,
    workload_keyset: keyset,
    workload_keyset_digest: report.workload_keyset_digest,
    attested: verdict.attested,
    registry_version: judgement.registryVersion,
    verdict: {
      status: verdict.status,
      checks: verdict.checks.map((check) => ({
        id: check.id,
        status: check.status,
        ...(check.status === 'skip' ? { reason: check.reason } : {}),
      })),
    },
  }
  // Sound: made of parsed messages and verdicts, which hold JSON values only.
  const json = document as unknown as Json
  return { id: sessionId(contentAddress(json)), document: json }
}
