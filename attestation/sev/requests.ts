import type { UnixSeconds } from '#base/brand.ts'
import { unixSeconds } from '#base/brand.ts'
import { hex } from '#base/bytes.ts'
import type { SevProduct } from '../anchors.ts'
import type { Collateral, CollateralLifetime, CollateralRequest } from '../collateral/entry.ts'
import { parseCertificate } from '../der/certificate.ts'
import { parseCrl } from '../der/crl.ts'
import { crlName, kindOfReport, productOfEvidence, type SevEvidence, vcekName } from './evidence.ts'
import { decodeTcb } from './tcb.ts'
import type { VekKind } from './vek.ts'

export interface AmdSettings {
  /** Base URL of the key distribution service, without a slash at the end. */
  readonly kds: string
}

export const DEFAULT_AMD_SETTINGS: AmdSettings = { kds: 'https://kdsintf.amd.com' }

const MAX_VCEK_BYTES = 16_384
const MAX_CRL_BYTES = 1_048_576
const DAY_SECONDS = 86_400

/**
 * What AMD's key distribution service must still supply for this evidence: the VCEK unless it came along, and
 * the revocation list. @see AMD 57230, key distribution service
 */
export function amdRequests(
  evidence: SevEvidence,
  have: Collateral,
  settings: AmdSettings,
): readonly CollateralRequest[] {
  const kind = kindOfReport(evidence.report)
  const product = productOfEvidence(evidence.report, evidence.vek)
  const requests: CollateralRequest[] = [crlRequest(product, kind, settings)]
  if (kind === 'vcek' && evidence.vek === undefined) {
    requests.push(vcekRequest(evidence, product, settings))
  }
  return requests.filter(({ name }) => !have.has(name))
}

function crlRequest(product: SevProduct, kind: VekKind, { kds }: AmdSettings): CollateralRequest {
  return {
    name: crlName(product, kind),
    url: `${kds}/${kind}/v1/${product}/crl`,
    method: 'GET',
    keep: [],
    maxBytes: MAX_CRL_BYTES,
    // Lists live a year; a revocation must not wait that long, so they are read again daily.
    lifetime: ({ body, fetchedAt }): CollateralLifetime => {
      const { thisUpdate, nextUpdate, number } = parseCrl(body)
      const refresh = after(fetchedAt, DAY_SECONDS)
      return { issued: thisUpdate, expires: nextUpdate, refresh, sequence: number }
    },
  }
}

function vcekRequest(
  { report }: SevEvidence,
  product: SevProduct,
  { kds }: AmdSettings,
): CollateralRequest {
  const tcb = decodeTcb(report.reportedTcb, product)
  const turin = product === 'Turin'
  const chip = hex(report.chipId.subarray(0, turin ? 8 : 64))
  const fmc = turin ? `fmcSPL=${tcb.fmc}&` : ''
  const parts = `blSPL=${tcb.bl}&teeSPL=${tcb.tee}&snpSPL=${tcb.snp}&ucodeSPL=${tcb.ucode}`
  return {
    name: vcekName(report, product),
    url: `${kds}/vcek/v1/${product}/${chip}?${fmc}${parts}`,
    method: 'GET',
    keep: [],
    maxBytes: MAX_VCEK_BYTES,
    // The name holds all that the certificate depends on, so it never changes.
    lifetime: ({ body }): CollateralLifetime => {
      return { expires: parseCertificate(body).notAfter, refresh: undefined }
    },
  }
}

function after(time: UnixSeconds, seconds: number): UnixSeconds {
  return unixSeconds(time + seconds)
}
