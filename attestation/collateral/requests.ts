import { AttestationError } from '../errors.ts'
import type { Evidence } from '../evidence.ts'
import { type AmdSettings, amdRequests, DEFAULT_AMD_SETTINGS } from '../sev/requests.ts'
import type { Collateral, CollateralRequest } from './entry.ts'
import type { SourceSettings } from './source.ts'

/** Where each vendor's collateral comes from, and how hard to ask. */
export interface CollateralSettings extends SourceSettings {
  readonly amd: AmdSettings
}

export const DEFAULT_COLLATERAL_SETTINGS: CollateralSettings = {
  origins: [DEFAULT_AMD_SETTINGS.kds],
  timeoutMs: 10_000,
  requestsPerMinute: 30,
  amd: DEFAULT_AMD_SETTINGS,
}

/**
 * Everything that the vendors must still supply for this evidence. Evidence that cannot be asked about (an
 * unknown product, say) needs nothing: its verification says what is wrong with it.
 */
export async function collateralRequests(
  evidence: Evidence,
  have: Collateral,
  settings: CollateralSettings,
): Promise<readonly CollateralRequest[]> {
  try {
    return amdRequests(evidence.tee, have, settings.amd)
  } catch (cause) {
    if (cause instanceof AttestationError) return []
    throw cause
  }
}
