import { type Bytes, hex } from '#base/bytes.ts'
import type { SevProduct } from '../anchors.ts'
import { type Certificate, parseCertificate } from '../der/certificate.ts'
import { demand } from '../errors.ts'
import { parseCertificateTable } from './aux-table.ts'
import { productOfCpuid } from './product.ts'
import { parseSnpReport, type SnpReport } from './report.ts'
import { productOfVek, type VekKind } from './vek.ts'

/** SEV-SNP evidence, parsed and not yet believed. */
export interface SevEvidence {
  readonly report: SnpReport
  /** The report-signing certificate that came along; else it is collateral. */
  readonly vek: Certificate | undefined
  /** Further certificates that came along; never an anchor. */
  readonly chain: readonly Certificate[]
}

export interface SevEvidenceBytes {
  readonly report: Bytes
  /** VCEK or VLEK, DER. */
  readonly vek?: Bytes | undefined
  readonly chain?: readonly Bytes[] | undefined
  /** The host's certificate table as configfs-tsm's `auxblob` gives it. */
  readonly auxiliary?: Bytes | undefined
}

const MAX_CHAIN = 4
/** By the report's number of its signing key. */
const KINDS: readonly (VekKind | undefined)[] = ['vcek', 'vlek']

/** @throws AttestationError when any part is malformed */
export function parseSevEvidence(bytes: SevEvidenceBytes): SevEvidence {
  const report = parseSnpReport(bytes.report)
  const table = parseCertificateTable(bytes.auxiliary ?? new Uint8Array())
  // A host may list both kinds: the report says which key signed it.
  const kind = KINDS[report.signingKey]
  const vek = bytes.vek ?? (kind === undefined ? undefined : table[kind])
  const chain = [
    ...(bytes.chain ?? []),
    ...[table.ask, table.ark].filter((der) => der !== undefined),
  ]
  demand(chain.length <= MAX_CHAIN, 'too-large', `${chain.length} certificates`)
  return {
    report,
    vek: vek === undefined ? undefined : parseCertificate(vek),
    chain: chain.map(parseCertificate),
  }
}

/** The product: by CPUID, which version 2 lacks; then by the certificate, and only a product of that time. */
export function productOfEvidence(report: SnpReport, vek: Certificate | undefined): SevProduct {
  if (report.cpuid !== undefined) {
    const { family, model } = report.cpuid
    const product = productOfCpuid(report.cpuid)
    demand(product !== undefined, 'product', `family ${family}, model ${model} has no pinned root`)
    return product
  }
  demand(vek !== undefined, 'product', 'a version 2 report names its product only by certificate')
  const product = productOfVek(vek)
  demand(product !== 'Turin', 'product', 'Turin does not make version 2 reports')
  return product
}

/** The key kind that the report says signed it. @throws key-kind */
export function kindOfReport(report: SnpReport): VekKind {
  const kind = KINDS[report.signingKey]
  demand(kind !== undefined, 'key-kind', `signing key ${report.signingKey}`)
  return kind
}

/** Name of the VCEK as collateral: it changes only with the chip or its reported TCB. */
export function vcekName(report: SnpReport, product: SevProduct): string {
  const length = product === 'Turin' ? 8 : 64
  const chip = hex(report.chipId.subarray(0, length))
  return `amd/vcek/${product}/${chip}/${hex(report.reportedTcb)}`
}

export function crlName(product: SevProduct, kind: VekKind): string {
  return `amd/crl/${kind}/${product}`
}
