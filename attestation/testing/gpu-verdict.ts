import { unixSeconds } from '#base/brand.ts'
import { type Bytes, fromHex } from '#base/bytes.ts'
import type { GpuEvidence, NvidiaForge } from '#dev/forge/nvidia.ts'
import type { Check } from '../checks.ts'
import type { Collateral, CollateralEntry } from '../collateral/entry.ts'
import { DEFAULT_NVIDIA_POLICY, type NvidiaPolicy } from '../nvidia/policy.ts'
import { type GpuOutcome, verifyGpus } from '../nvidia/verify-gpus.ts'

/** What the tests of this folder share: one clock, one nonce, and one way to ask for a verdict. */

export const NOW = 1_790_000_000
export const NONCE: Bytes = fromHex('c3'.repeat(32))
export const random = (length: number): Bytes => crypto.getRandomValues(new Uint8Array(length))

export function entry(name: string, body: Bytes): CollateralEntry {
  return { name, body, headers: {}, fetchedAt: unixSeconds(NOW) }
}

export function withEntries(
  collateral: Collateral,
  entries: readonly CollateralEntry[],
  without: readonly string[] = [],
): Collateral {
  const merged = new Map(collateral)
  for (const name of without) merged.delete(name)
  for (const item of entries) merged.set(item.name, item)
  return merged
}

export function verdictOf(
  forge: NvidiaForge,
  evidence: GpuEvidence,
  collateral: Collateral,
  options: {
    readonly policy?: Partial<NvidiaPolicy>
    readonly nonce?: Bytes
    readonly now?: number
    readonly anchors?: Partial<NvidiaForge['anchors']>
  } = {},
): Promise<GpuOutcome> {
  return verifyGpus(evidence, {
    collateral,
    now: unixSeconds(options.now ?? NOW),
    anchors: { ...forge.anchors, ...options.anchors },
    policy: { ...DEFAULT_NVIDIA_POLICY, ...options.policy },
    nonce: options.nonce ?? NONCE,
  })
}

/** "check code" for every check that failed. */
export function failed(checks: readonly Check[]): string[] {
  return checks.flatMap((check) => (check.status === 'fail' ? [`${check.id} ${check.code}`] : []))
}
