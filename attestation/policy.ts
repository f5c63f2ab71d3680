import type { UnixSeconds } from '#base/brand.ts'
import { unixSeconds } from '#base/brand.ts'
import { DEFAULT_NVIDIA_POLICY, type NvidiaPolicy } from './nvidia/policy.ts'
import { DEFAULT_SEV_POLICY, type SevPolicy } from './sev/policy.ts'
import { DEFAULT_TDX_POLICY, type TdxPolicy } from './tdx/policy.ts'
import type { GpuBinding } from './verdict.ts'

/** What an allowed image does beyond being itself; from the Registry entry's `meta` bits. */
export interface AllowedImage {
  /** It serves only weights whose digest it checks itself (dm-verity root in what is measured). */
  readonly enforcesWeights: boolean
  /** It verifies its GPUs, in measured code and by measured policy, before it serves. */
  readonly enforcesGpu: boolean
}

/** Bits of an image entry's `meta` in the Registry. */
export const IMAGE_META = { enforcesWeights: 1n << 0n, enforcesGpu: 1n << 1n } as const

/** The Registry as its caller read it; hashes as in hashes.ts. */
export interface Allowlist {
  readonly readAt: UnixSeconds
  /** The Registry's version counter. */
  readonly version: number
  readonly images: ReadonlyMap<string, AllowedImage>
  /** Hashes of (model, weights) pairs. */
  readonly models: ReadonlySet<string>
  /** Hashes of machines with listed physical custody. */
  readonly platforms: ReadonlySet<string>
  /** Revoked entries and an operator's own denials, of any kind; they beat every entry above. */
  readonly denied: ReadonlySet<string>
}

/** Denies everything. */
export const EMPTY_ALLOWLIST: Allowlist = {
  readAt: unixSeconds(0),
  version: 0,
  images: new Map(),
  models: new Set(),
  platforms: new Set(),
  denied: new Set(),
}

/** What a verdict demands. Every field is required: nothing is "not checked if absent". */
export interface Policy {
  readonly allowlist: Allowlist
  /** Oldest acceptable reading of the Registry, in seconds. */
  readonly maxAllowlistAgeSeconds: number
  /** Highest version seen so far: a lower one hides revocations. */
  readonly minAllowlistVersion: number
  /** Whether the (model, weights) pair must be listed; `any` only for services that name no model. */
  readonly models: 'listed' | 'any'
  readonly gpu: {
    readonly presence: 'required' | 'optional'
    /** Exact number of GPUs; undefined accepts what the subject's digest covers. */
    readonly count: number | undefined
    readonly minBinding: GpuBinding
  }
  /** Longest life of a verdict, in seconds, whatever its collateral says. */
  readonly maxVerdictSeconds: number
  readonly sev: SevPolicy
  readonly tdx: TdxPolicy
  readonly nvidia: NvidiaPolicy
}

/** Closed by default: an empty allowlist denies everything. */
export const DEFAULT_POLICY: Policy = {
  allowlist: EMPTY_ALLOWLIST,
  maxAllowlistAgeSeconds: 600,
  minAllowlistVersion: 0,
  models: 'listed',
  gpu: { presence: 'required', count: undefined, minBinding: 'cpu-report' },
  maxVerdictSeconds: 600,
  sev: DEFAULT_SEV_POLICY,
  tdx: DEFAULT_TDX_POLICY,
  nvidia: DEFAULT_NVIDIA_POLICY,
}
