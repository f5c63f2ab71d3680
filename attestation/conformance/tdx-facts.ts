import type { UnixSeconds } from '#base/brand.ts'
import { hex } from '#base/bytes.ts'
import { commonName } from '../der/names.ts'
import type { TcbOutcome } from '../tdx/match-tcb.ts'
import type { PckChain } from '../tdx/pck-chain.ts'
import type { TdxQuote } from '../tdx/quote.ts'
import { registersOf } from '../tdx/reports.ts'
import type { VectorResult } from './vector.ts'

/** Facts under the manifest's `expect` keys. */
type Facts = VectorResult['facts']

/** What the quote alone says. */
export function evidenceFacts({ version, report, trailing }: TdxQuote, chain: PckChain): Facts {
  const extended = report.format === '1.5'
  const [low = 0, , , high = 0] = report.tdAttributes
  return {
    version,
    body_type: version === 5 ? (extended ? 3 : 2) : undefined,
    ...registersOf(report),
    tee_tcb_svn: hex(report.teeTcbSvn),
    mr_signer_seam: hex(report.mrSignerSeam),
    seam_attributes: hex(report.seamAttributes),
    td_attributes: hex(report.tdAttributes),
    xfam: hex(report.xfam),
    report_data: hex(report.reportData),
    tee_tcb_svn2: extended ? hex(report.teeTcbSvn2) : undefined,
    mr_service_td: extended ? hex(report.mrServiceTd) : undefined,
    flags: {
      debug: (low & 0x01) !== 0,
      sept_ve_disable: (high & 0x10) !== 0,
      migratable: (high & 0x20) !== 0,
      perfmon: ((report.tdAttributes[7] ?? 0) & 0x80) !== 0,
    },
    trailing_bytes: trailing.bytes,
    trailing_nonzero: trailing.nonZero,
    fmspc: chain.pck.fmspc,
    pce_id: chain.pck.pceId,
    pck: pckFacts(chain),
  }
}

function pckFacts({ leaf, pck }: PckChain): Facts {
  return {
    fmspc: pck.fmspc,
    pceid: pck.pceId,
    cpu_svn_components: pck.components,
    pcesvn: pck.pceSvn,
    sgx_type: pck.sgxType,
    issuer: commonName(leaf.issuer),
    valid: [isoTime(leaf.notBefore), isoTime(leaf.notAfter)],
  }
}

/** What the proof adds. */
export function proofFacts({ status, platform, module, qe, advisories }: TcbOutcome): Facts {
  return {
    tcb_status: status,
    platform_tcb_status: platform,
    module_status: module,
    qe_status: qe,
    advisory_ids: advisories,
  }
}

/** "2025-06-01T00:00:00Z" */
function isoTime(time: UnixSeconds): string {
  return new Date(time * 1000).toISOString().replace('.000Z', 'Z')
}
