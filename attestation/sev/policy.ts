import type { SevProduct } from '../anchors.ts'
import { SEV_TCB_FLOORS, type SevFloor } from './tcb-floors.ts'

/** Bits of the guest policy that permit something to the host. @see AMD 56860, guest policy */
export const PERMISSIONS = { smt: 16, migrateMa: 18, debug: 19, cxl: 21 } as const

/** Bits of the guest policy that demand something of the host. */
export const RESTRICTIONS = {
  singleSocket: 20,
  memAes256Xts: 22,
  raplDisabled: 23,
  ciphertextHiding: 24,
  pageSwapDisabled: 25,
} as const

/** Bits of PLATFORM_INFO: what the host runs. Unknown bits are legal. */
export const PLATFORM = {
  smt: 0,
  tsme: 1,
  ecc: 2,
  raplDisabled: 3,
  ciphertextHiding: 4,
  aliasCheckComplete: 5,
  tio: 7,
} as const

/** Report fields that a guest owner may pin. */
export type SevPinField =
  | 'hostData'
  | 'familyId'
  | 'imageId'
  | 'idKeyDigest'
  | 'authorKeyDigest'
  | 'reportId'
  | 'reportIdMa'

/** What an SNP guest must look like. Every field is a decision; there is no "not checked if absent". */
export interface SevPolicy {
  readonly versions: readonly number[]
  readonly vmpl: readonly number[]
  readonly allowDebug: boolean
  readonly allowMigrationAgent: boolean
  /** Firmware that is loaded but not yet committed can be rolled back. */
  readonly allowProvisionalFirmware: boolean
  readonly forbiddenPermissions: readonly (keyof typeof PERMISSIONS)[]
  readonly demandedRestrictions: readonly (keyof typeof RESTRICTIONS)[]
  readonly minAbi: { readonly major: number; readonly minor: number }
  readonly demandedPlatform: readonly (keyof typeof PLATFORM)[]
  readonly forbiddenPlatform: readonly (keyof typeof PLATFORM)[]
  /** A product without a floor is refused. */
  readonly floors: Readonly<Partial<Record<SevProduct, SevFloor>>>
  /** Bits that both mitigation vectors must have; version 5 only. */
  readonly demandedMitigations: bigint
  readonly minGuestSvn: number
  /** CSP ids whose VLEKs are accepted; a VLEK names no chip, so none by default. */
  readonly cspIds: readonly string[]
  readonly pins: readonly { readonly field: SevPinField; readonly values: readonly string[] }[]
  /** `current`: signed list, in its dates. `any-date`: signed list. `unchecked`: none needed. */
  readonly crl: 'current' | 'any-date' | 'unchecked'
  /** Least CRL number per product, so that an old list cannot hide a revocation. */
  readonly minCrlNumber: Readonly<Partial<Record<SevProduct, bigint>>>
}

/** Closed by default. */
export const DEFAULT_SEV_POLICY: SevPolicy = {
  versions: [2, 3, 5],
  vmpl: [0],
  allowDebug: false,
  allowMigrationAgent: false,
  allowProvisionalFirmware: false,
  forbiddenPermissions: [],
  demandedRestrictions: [],
  minAbi: { major: 0, minor: 0 },
  // BadRAM (AMD-SB-3015). Version 2 cannot show it and is refused unless a policy says otherwise.
  demandedPlatform: ['aliasCheckComplete'],
  forbiddenPlatform: [],
  floors: SEV_TCB_FLOORS,
  demandedMitigations: 0n,
  minGuestSvn: 0,
  cspIds: [],
  pins: [],
  crl: 'current',
  minCrlNumber: { Milan: 6n, Genoa: 4n },
}
