/**
 * A check as it is shown: those of `attestation/` and this command's own, about documents and receipts. A failure
 * names what is wrong, and what its reader does about it.
 */
export type ShownCheck = { readonly id: string; readonly spec: string } & (
  | { readonly status: 'pass' }
  | {
      readonly status: 'fail'
      readonly code: string
      readonly detail: string
      readonly remedy: string
    }
  | { readonly status: 'skip'; readonly reason: string }
)

/** What documents are held to before their evidence is looked at. */
const DOCUMENT_CHECKS = {
  'document.form': 'aci/1: a well-formed document of a known kind',
  'session.id': 'aci/1, attested sessions: the id is the hash of the canonical document',
  'session.evidence': 'aci/1, attested sessions: the digest is that of the evidence inside',
  'session.keyset': 'aci/1, attested sessions: the evidence vouches for the keyset of the session',
  'report.keyset': 'aci/1, workload_keyset_digest: the hash of the canonical keyset',
  'report.not-after':
    'aci/1, not_after: the keys are not used after their end, a runner’s end within a day (M9)',
  'report.subject': 'SPEC 6.2: a runner’s subject in its one canonical form',
  'report.fresh': 'aci/1, nonce: the quote answers a nonce of the verifier’s own',
  'receipt.keyset': 'SPEC 8: the receipt is under the keyset at hand',
  'receipt.signature': 'SPEC 8: Ed25519 over the canonical receipt by a receipt key of that keyset',
  'receipt.gateway': 'SPEC 8.6: the keys are those of the gateway that was asked',
  'receipt.upstream':
    'aci/1, upstream.verified: the gateway verified the runner first, in the session that it cites',
  'receipt.forwarded': 'SPEC 8.6: the runner’s receipt is over the bytes that the gateway sent',
  'receipt.request': 'aci/1, request.received: the hash is that of the body as it was sent',
  'receipt.response': 'aci/1, response.returned: the hash is that of the answer as it came',
  'receipt.numbers': 'SPEC 8: id, token counts, price and cost agree with each other',
} as const

export type DocumentCheckId = keyof typeof DOCUMENT_CHECKS

interface Failure {
  readonly code: string
  readonly detail: string
  readonly remedy: string
}

export function pass(id: DocumentCheckId): ShownCheck {
  return { id, spec: DOCUMENT_CHECKS[id], status: 'pass' }
}

export function fail(id: DocumentCheckId, failure: Failure): ShownCheck {
  return { id, spec: DOCUMENT_CHECKS[id], status: 'fail', ...failure }
}

export function skip(id: DocumentCheckId, reason: string): ShownCheck {
  return { id, spec: DOCUMENT_CHECKS[id], status: 'skip', reason }
}

export function judge(id: DocumentCheckId, holds: boolean, failure: Failure): ShownCheck {
  return holds ? pass(id) : fail(id, failure)
}
