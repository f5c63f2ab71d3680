import type { Bytes } from '#base/bytes.ts'
import type { Json } from '#base/jcs.ts'

/** The confidential machine that a gateway runs in. The entry hands it over: devices are no part of a gateway. */
export interface Machine {
  readonly teeType: 'sev-snp' | 'tdx'
  /** Evidence over 64 bytes of report data. */
  quote(reportData: Bytes): Promise<Json>
}
