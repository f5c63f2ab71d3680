import { hex } from '#base/bytes.ts'
import { ACI_VERSION, type Report, reportData } from '#protocol'
import type { Machine } from './machine.ts'
import type { SelfIdentity } from './self-identity.ts'

/** The names that ACI gives them. */
const TEE_TYPES = { 'sev-snp': 'sev_snp', tdx: 'tdx' } as const

/** Evidence of this machine over keys of its own and somebody's nonce. */
export async function makeReport(
  machine: Machine,
  who: SelfIdentity,
  nonce: string,
): Promise<Report> {
  const data = reportData(who.digest, nonce)
  return {
    api_version: ACI_VERSION,
    workload_keyset_digest: who.digest,
    attestation: {
      tee_type: TEE_TYPES[machine.teeType],
      workload_keyset: who.keyset,
      report_data: hex(data),
      source_provenance: null,
      evidence: { tee: await machine.quote(data) },
    },
    service_capabilities: { supported_e2ee_versions: [], serving: { role: 'aggregator' } },
  }
}
