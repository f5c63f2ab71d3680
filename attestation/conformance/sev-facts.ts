import type { UnixSeconds } from '#base/brand.ts'
import { type Bytes, hex } from '#base/bytes.ts'
import type { Certificate } from '../der/certificate.ts'
import type { Crl } from '../der/crl.ts'
import { commonName } from '../der/names.ts'
import type { SevFacts } from '../sev/prove.ts'
import { type SnpReport, versionText } from '../sev/report.ts'
import { partsBelow, type SevTcb } from '../sev/tcb.ts'
import type { VekFacts } from '../sev/vek.ts'
import type { VectorResult } from './vector.ts'

/** Facts under the manifest's `expect` keys. */
type Facts = VectorResult['facts']

const SIGNING_KEYS: Readonly<Record<number, string>> = { 0: 'VCEK', 1: 'VLEK', 7: 'NONE' }

/** What the report alone says. */
export function reportFacts(report: SnpReport): Facts {
  const { cpuid, launchMitigations, currentMitigations } = report
  return {
    report_version: report.version,
    measurement: hex(report.measurement),
    report_data: hex(report.reportData),
    host_data: hex(report.hostData),
    chip_id: hex(report.chipId),
    report_id: hex(report.reportId),
    id_key_digest: hex(report.idKeyDigest),
    author_key_digest: hex(report.authorKeyDigest),
    policy: `0x${report.policy.toString(16)}`,
    platform_info: `0x${report.platformInfo.toString(16)}`,
    vmpl: report.vmpl,
    guest_svn: report.guestSvn,
    signing_key: SIGNING_KEYS[report.signingKey],
    author_key_en: report.authorKeyEnabled ? 1 : 0,
    mask_chip_key: report.maskChipKey ? 1 : 0,
    cpuid_fms: cpuid === undefined ? undefined : [cpuid.family, cpuid.model, cpuid.stepping],
    current_tcb: hex(report.currentTcb),
    reported_tcb: hex(report.reportedTcb),
    committed_tcb: hex(report.committedTcb),
    launch_tcb: hex(report.launchTcb),
    current_version: versionText(report.current),
    committed_version: versionText(report.committed),
    launch_mit_vector: littleEndian(launchMitigations),
    current_mit_vector: littleEndian(currentMitigations),
  }
}

function littleEndian(value: bigint | undefined): string | undefined {
  if (value === undefined) return undefined
  const bytes: Bytes = new Uint8Array(8)
  new DataView(bytes.buffer).setBigUint64(0, value, true)
  return hex(bytes)
}

/** What the proof adds. */
export function proofFacts(facts: SevFacts, vek: Certificate | undefined): Facts {
  const { tcb, report } = facts
  const provisional =
    partsBelow(tcb.committed, tcb.current).length > 0 ||
    versionText(report.committed) !== versionText(report.current)
  return {
    product: facts.product,
    tcb: tcbFacts(tcb.reported, facts.product === 'Turin'),
    csp_id: facts.vek.cspId,
    provisional_firmware: provisional,
    ...(vek === undefined ? {} : certificateFacts(vek, facts.vek)),
  }
}

function tcbFacts({ fmc, bl, tee, snp, ucode }: SevTcb, turin: boolean): Facts {
  return turin ? { fmc, bl, tee, snp, ucode } : { bl, tee, snp, ucode }
}

function certificateFacts(vek: Certificate, facts: VekFacts): Facts {
  return {
    ek_cn: commonName(vek.subject),
    ek_product_name: facts.productName,
    ek_valid: [isoTime(vek.notBefore), isoTime(vek.notAfter)],
  }
}

export function chainFacts(vek: Certificate, facts: VekFacts): Facts {
  const turin = facts.hwid?.length === 8
  return {
    ...certificateFacts(vek, facts),
    product: facts.productName.split('-')[0],
    tcb: tcbFacts(facts.tcb, turin),
    hwid: facts.hwid === undefined ? undefined : hex(facts.hwid),
  }
}

export function crlFacts(crl: Crl): Facts {
  const issuer = commonName(crl.issuer) ?? ''
  return {
    issuer,
    crl_number: Number(crl.number ?? -1n),
    revoked_serials: [...crl.revoked],
    this_update: isoTime(crl.thisUpdate),
    next_update: isoTime(crl.nextUpdate),
    product: issuer.replace('ARK-', ''),
  }
}

/** "2025-06-01T00:00:00Z" */
function isoTime(time: UnixSeconds): string {
  return new Date(time * 1000).toISOString().replace('.000Z', 'Z')
}
