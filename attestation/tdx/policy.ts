import type { UnixSeconds } from '#base/brand.ts'
import { unixSeconds } from '#base/brand.ts'
import type { AcceptableStatus } from './tcb-status.ts'

/** Bits of TDATTRIBUTES. @see Intel TDX Module ABI, ATTRIBUTES */
export const TD_ATTRIBUTES = {
  debug: 0,
  septVeDisable: 28,
  migratable: 29,
  pks: 30,
  keyLocker: 31,
  perfmon: 63,
} as const

export type TdAttribute = keyof typeof TD_ATTRIBUTES

/** Report fields that an owner may pin. */
export type TdxPinField =
  | 'mrSeam'
  | 'mrSignerSeam'
  | 'seamAttributes'
  | 'tdAttributes'
  | 'xfam'
  | 'mrConfigId'
  | 'mrOwner'
  | 'mrOwnerConfig'
  | 'rtmr0'
  | 'rtmr3'
  | 'qeVendor'

/** An event that RTMR3 may hold; each at most once. */
export interface AllowedEvent {
  readonly name: string
  /** Payloads in hex; `any` only for events that say nothing about what runs. */
  readonly payloads: readonly string[] | 'any'
  readonly required: boolean
}

/** What a TD must look like. Every field is a decision; there is no "not checked if absent". */
export interface TdxPolicy {
  readonly versions: readonly number[]
  /** Revoked, unsupported and unknown cannot be listed. */
  readonly statuses: readonly AcceptableStatus[]
  /** Advisories that a status other than UpToDate may come with. */
  readonly advisories: readonly string[]
  /** Least date of the TCB levels. */
  readonly minTcbDate: UnixSeconds
  /** Least tcbEvaluationDataNumber, so that a server cannot feed the oldest data that is still signed (M8). */
  readonly minEvaluationNumber: number
  /** 16 bytes, hex; compared part by part. */
  readonly minTeeTcbSvn: string
  readonly fmspcs: readonly string[] | 'any'
  /** Attributes that may be set. */
  readonly attributes: readonly TdAttribute[]
  /** A Linux guest without SEPT_VE_DISABLE can be made to run on pages that the host swaps. */
  readonly septVeDisable: 'required' | 'optional'
  /** Measurements of service TDs that may be bound, hex. */
  readonly serviceTds: readonly string[]
  /** MRCONFIGID, MROWNER and MROWNERCONFIG must be zero unless they are pinned here. */
  readonly pins: readonly { readonly field: TdxPinField; readonly values: readonly string[] }[]
  readonly events: readonly AllowedEvent[]
}

/** Closed by default. */
export const DEFAULT_TDX_POLICY: TdxPolicy = {
  versions: [4, 5],
  statuses: ['UpToDate'],
  advisories: [],
  minTcbDate: unixSeconds(0),
  // Intel's standard number in February 2026; releases raise it.
  minEvaluationNumber: 18,
  minTeeTcbSvn: '00'.repeat(16),
  fmspcs: 'any',
  attributes: ['septVeDisable', 'pks'],
  septVeDisable: 'required',
  serviceTds: [],
  pins: [],
  events: [],
}
