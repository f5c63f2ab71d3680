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
   * Evidence of every GPU under a 32-byte nonce: the wire form's `gpu` member; null without a GPU.
   * @throws QuoteError
   */
  gpu(nonce: Bytes): Promise<Json | null>
}
