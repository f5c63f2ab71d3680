import type { Bytes } from '#base/bytes.ts'
import type { Json } from '#base/jcs.ts'

export type TeeType = 'sev-snp' | 'tdx'

/**
 * The hardware's side of attestation: the TEE device, or `dev/forge` in a world without hardware.
 * Calls never overlap: the report builder queues them.
 */
export interface Quoter {
  readonly teeType: TeeType
  /**
   * Evidence of the CPU over 64 bytes of report data: the wire form's `tee` member.
   * @throws QuoteError
   */
  quote(reportData: Bytes): Promise<Json>
  /**
   * Evidence of every GPU under a 32-byte nonce; null without a GPU.
   * @throws QuoteError
   */
  gpu(nonce: Bytes): Promise<GpuEvidence | null>
  /**
   * Which GPUs are there, once it is sure that they are in confidential mode; "none" without a GPU. Compared
   * before each quote, since evidence is as old as the keys (M9).
   * @throws QuoteError `gpu_unsafe`
   */
  gpuState(): Promise<string>
}

export interface GpuEvidence {
  /** As NVIDIA names it, for example "HOPPER". */
  readonly arch: string
  /** In a fixed order: the CPU's report vouches for these devices and their number. */
  readonly devices: readonly {
    /** SPDM request and response. */
    readonly evidence: Bytes
    /** PEM chain, leaf first. */
    readonly certificate: Bytes
  }[]
}
