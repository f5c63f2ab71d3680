import type { Random } from '#base/brand.ts'
import { AttestationError } from '../errors.ts'
import type { Evidence } from '../evidence.ts'
import { type AmdSettings, amdRequests, DEFAULT_AMD_SETTINGS } from '../sev/requests.ts'
import type { Collateral, CollateralRequest } from './entry.ts'
import { DEFAULT_INTEL_SETTINGS, type IntelSettings, intelRequests } from './intel.ts'
import { DEFAULT_NVIDIA_SETTINGS, type NvidiaSettings, nvidiaRequests } from './nvidia.ts'
import type { SourceSettings } from './source.ts'

/** Where each vendor's collateral comes from, and how hard to ask. */
export interface CollateralSettings extends SourceSettings {
  readonly amd: AmdSettings
  readonly intel: IntelSettings
  readonly nvidia: NvidiaSettings
}

/**
 * The vendors' own services.
 * @param random for OCSP nonces
 */
export function defaultCollateralSettings(random: Random): CollateralSettings {
  const { rim, ocsp, crl, nras } = DEFAULT_NVIDIA_SETTINGS
  const { pcs, rootCrl } = DEFAULT_INTEL_SETTINGS
  return {
    origins: [DEFAULT_AMD_SETTINGS.kds, pcs, new URL(rootCrl).origin, rim, ocsp, crl, nras],
    timeoutMs: 10_000,
    requestsPerMinute: 60,
    amd: DEFAULT_AMD_SETTINGS,
    intel: DEFAULT_INTEL_SETTINGS,
    nvidia: { ...DEFAULT_NVIDIA_SETTINGS, random },
  }
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
  const { tee, gpu } = evidence
  const asked = await Promise.all([
    unlessMalformed(async () => teeRequests(tee, have, settings)),
    unlessMalformed(async () =>
      gpu === undefined ? [] : nvidiaRequests(gpu, have, settings.nvidia),
    ),
  ])
  return asked.flat()
}

function teeRequests(
  tee: Evidence['tee'],
  have: Collateral,
  settings: CollateralSettings,
): readonly CollateralRequest[] {
  return tee.technology === 'tdx'
    ? intelRequests(tee, have, settings.intel)
    : amdRequests(tee, have, settings.amd)
}

async function unlessMalformed(
  ask: () => Promise<readonly CollateralRequest[]>,
): Promise<readonly CollateralRequest[]> {
  try {
    return await ask()
  } catch (cause) {
    if (cause instanceof AttestationError) return []
    throw cause
  }
}
