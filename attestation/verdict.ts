import type { UnixSeconds } from '#base/brand.ts'
import type { Check } from './checks.ts'
import type { FailureCode } from './codes.ts'

/** How sure a claim is, and on whose word, in ACI's terms. @see aci/1, section "claims" */
export interface Claim {
  readonly status: 'asserted' | 'refuted' | 'unknown'
  readonly source:
    | 'hardware_proven'
    | 'verifier_derived'
    | 'provider_asserted'
    | 'operator_asserted'
    | null
}

/** How firmly GPU evidence is tied to the CPU's report; README, "GPU binding". */
export type GpuBinding = 'none' | 'nonce-only' | 'cpu-report' | 'cpu-report+measured-policy'

export const GPU_BINDINGS: readonly GpuBinding[] = [
  'none',
  'nonce-only',
  'cpu-report',
  'cpu-report+measured-policy',
]

/** What may be said about a workload. Exists only in a verdict that is not refused. */
export interface Claims {
  readonly tee_attested: Claim
  readonly gpu_attested: Claim
  readonly tcb_up_to_date: Claim
  readonly os_known_good: Claim
  readonly serving_software_known_good: Claim
  readonly model_weights_provenance: Claim
  readonly gpu_binding: GpuBinding
  /** Whether the Registry lists this machine's physical custody. */
  readonly physical_custody: 'listed' | 'unknown'
}

/** What was attested, for sessions, routing and people. */
export interface Attested {
  readonly technology: 'sev-snp' | 'tdx'
  /** Registry name of the image. */
  readonly imageHash: string
  /** The measured registers, hex by name. */
  readonly registers: Readonly<Record<string, string>>
  /** 64 bytes, hex. */
  readonly reportData: string
  /** Vendor status or product with TCB, for people. */
  readonly tcb: string
  readonly advisories: readonly string[]
  /** Certified ids of the processor and the GPUs; one id is one runner (H7). */
  readonly hardware: readonly string[]
  readonly gpus: readonly AttestedGpu[]
}

export interface AttestedGpu {
  readonly hardware: string
  readonly model: string
  readonly driver: string
  readonly vbios: string
}

/**
 * `verified`: every check passed under the pinned anchors. `simulated`: every check passed under other anchors,
 * which proves nothing about hardware. `refused`: at least one check failed.
 */
export type Verdict =
  | {
      readonly status: 'verified' | 'simulated'
      readonly claims: Claims
      readonly attested: Attested
      readonly checks: readonly Check[]
      /** Not to be relied on after this time. */
      readonly validUntil: UnixSeconds
    }
  | {
      readonly status: 'refused'
      /** The first failure; all of them are in `checks`. */
      readonly code: FailureCode
      readonly checks: readonly Check[]
    }

/** The refusal that a list of checks amounts to. A list without a failure is our bug, and refused too. */
export function refused(checks: readonly Check[]): Verdict {
  const failure = checks.find((check) => check.status === 'fail')
  return { status: 'refused', code: failure?.code ?? 'internal', checks }
}
