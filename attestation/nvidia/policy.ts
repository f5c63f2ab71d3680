import { DEFAULT_NRAS_POLICY, type NrasPolicy } from '../nras/policy.ts'
import type { Architecture } from './device.ts'
import { DRIVER_FLOORS } from './driver-floors.ts'

/** A GPU's confidential mode: one GPU alone, several passed through, several behind protected PCIe. */
export type Feature = 'SPT' | 'MPT' | 'PPCIE'

/** By the number in the evidence. */
export const FEATURES: readonly Feature[] = ['SPT', 'MPT', 'PPCIE']

/** What GPU evidence must show. Every field is a decision; there is no "not checked if absent". */
export interface NvidiaPolicy {
  /**
   * Who holds the measurements against NVIDIA's reference values: this verifier, NVIDIA's attestation service
   * (whose word is then trusted), or both, who must agree. Chain, signature, nonce and firmware identity are
   * always verified here, and switches are always judged here.
   */
  readonly references: 'local' | 'nras' | 'both'
  readonly architectures: readonly Architecture[]
  /** Least driver version by architecture; a GPU architecture without one is refused. */
  readonly driverFloors: Readonly<Partial<Record<Architecture, string>>> | 'unchecked'
  /** Driver versions that NVIDIA withdrew or that the operator does not want. */
  readonly deniedDrivers: readonly string[]
  /** Least VBIOS or switch BIOS version by architecture. */
  readonly vbiosFloors: Readonly<Partial<Record<Architecture, string>>>
  readonly features: readonly Feature[]
  /** Size of the fabric that multi-GPU modes must show whole. */
  readonly fabric: { readonly gpus: number; readonly switches: number } | 'unchecked'
  /** Old drivers (535) do not report the firmware's identity. */
  readonly fwid: 'required' | 'if-present'
  readonly driverRim: 'required' | 'unchecked'
  readonly vbiosRim: 'required' | 'unchecked'
  readonly revocation: 'required' | 'unchecked'
  /** Whose word counts: OCSP alone, or a current CRL where there is no OCSP answer. */
  readonly revocationSources: readonly ('ocsp' | 'crl')[]
  /** Oldest acceptable OCSP answer, in seconds, whatever its own dates allow. */
  readonly maxRevocationAgeSeconds: number
  /** Engineering parts have certificates on hold. */
  readonly allowCertificateHold: boolean
  /** Whether bytes after the transcript's end are ignored instead of refused. */
  readonly allowTrailingData: boolean
  readonly nras: NrasPolicy
}

/** Closed by default. */
export const DEFAULT_NVIDIA_POLICY: NvidiaPolicy = {
  references: 'local',
  architectures: ['HOPPER', 'BLACKWELL', 'LS10'],
  driverFloors: DRIVER_FLOORS,
  deniedDrivers: [],
  vbiosFloors: {},
  features: ['SPT', 'MPT', 'PPCIE'],
  // One HGX board: the only fabric that protected PCIe is built for.
  fabric: { gpus: 8, switches: 4 },
  fwid: 'required',
  driverRim: 'required',
  vbiosRim: 'required',
  revocation: 'required',
  revocationSources: ['ocsp'],
  // Cached answers carry no fresh nonce; a day bounds how long they hide a revocation.
  maxRevocationAgeSeconds: 86_400,
  allowCertificateHold: false,
  allowTrailingData: false,
  nras: DEFAULT_NRAS_POLICY,
}
