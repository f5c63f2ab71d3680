import { createHash } from 'node:crypto'
import { type Bytes, base64, copyBytes } from '#base/bytes.ts'
import type { Quoter } from '#enclave-runner/quote/quoter.ts'
import type { AmdForge } from '../forge/amd.ts'

/** The launch measurement that every simulated machine reports; the world's Registry lists its image hash. */
export const SIMULATED_MEASUREMENT: Bytes = copyBytes(
  createHash('sha384').update('cocoon simulated image').digest(),
)

/** A machine without hardware: structurally real reports, signed under roots made at this start. */
export function simulatedQuoter(forge: AmdForge): Quoter {
  return {
    teeType: 'sev-snp',
    quote: async (reportData) => ({
      type: 'sev-snp',
      report: base64(await forge.report({ reportData, measurement: SIMULATED_MEASUREMENT })),
      vek: base64(await forge.vek()),
    }),
    gpu: async () => null,
  }
}
