import { type Collateral, PINNED_ANCHORS, preflightTdx, previewEvidence } from '#attestation'
import type { UnixSeconds } from '#base/brand.ts'
import type { ShownCheck } from '#client/documents'
import { found } from './findings.ts'

/**
 * Whether Intel's next TCB will still find this machine good: a host learns of it weeks before gateways refuse.
 * @see Intel PCS API version 4, parameter `update`
 */
export async function examineOutlook(
  evidence: unknown,
  given: { readonly collateral: Collateral; readonly now: UnixSeconds },
): Promise<ShownCheck> {
  const { tee } = (await previewEvidence(evidence)).evidence
  if (tee.technology !== 'tdx') {
    return found.unknown('tcb.outlook', 'AMD announces no TCB ahead of time')
  }
  const outlook = await preflightTdx({ ...given, evidence: tee, anchors: PINNED_ANCHORS.intel })
  if (!outlook.known) {
    return found.unknown('tcb.outlook', 'Intel’s data of now or of later could not be proven')
  }
  const { warning } = outlook
  return warning === undefined ? found.well('tcb.outlook') : found.ill('tcb.outlook', warning)
}
