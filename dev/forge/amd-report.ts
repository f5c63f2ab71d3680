import type { SevProduct, SevTcb, VekKind } from '#attestation'
import type { Bytes } from '#base/bytes.ts'
import type { Signer } from './der.ts'

/** Every field of a report; numbers are written little-endian at their offset. @see AMD 56860 */
export interface SnpReportFields {
  readonly product: SevProduct
  /** Goes into chip_id, padded with zeros; a VLEK's report has none. */
  readonly hwid: Uint8Array
  /** All four TCB versions, unless one is given by itself. */
  readonly tcb: SevTcb
  readonly currentTcb: SevTcb
  readonly reportedTcb: SevTcb
  readonly committedTcb: SevTcb
  readonly launchTcb: SevTcb
  readonly version: number
  readonly guestSvn: number
  readonly policy: bigint
  readonly familyId: Uint8Array
  readonly imageId: Uint8Array
  readonly vmpl: number
  readonly signatureAlgorithm: number
  readonly platformInfo: bigint
  readonly signingKey: number
  readonly maskChipKey: boolean
  readonly authorKeyEnabled: boolean
  readonly reportData: Uint8Array
  readonly measurement: Uint8Array
  readonly hostData: Uint8Array
  readonly idKeyDigest: Uint8Array
  readonly authorKeyDigest: Uint8Array
  readonly reportId: Uint8Array
  readonly cpuid: readonly [family: number, model: number, stepping: number]
  readonly chipId: Uint8Array
  readonly current: readonly [major: number, minor: number, build: number]
  readonly committed: readonly [major: number, minor: number, build: number]
  readonly launchMitigations: bigint
  readonly currentMitigations: bigint
  /** Which key signs; also sets SIGNING_KEY unless that is given. */
  readonly kind: VekKind
  readonly signer: Signer
  /** Alters the bytes before they are signed. */
  readonly patch: (report: Bytes) => void
  /** Alters the bytes after they were signed. */
  readonly tamper: (report: Bytes) => void
}

const CPUIDS = { Milan: [0x19, 0x01, 1], Genoa: [0x19, 0x11, 1], Turin: [0x1a, 0x02, 1] } as const
const FIRMWARE = { Milan: [1, 55, 35], Genoa: [1, 55, 43], Turin: [1, 58, 4] } as const
const REPORT_BYTES = 0x4a0
const SIGNED_BYTES = 0x2a0

export async function writeSnpReport(
  fields: Pick<SnpReportFields, 'product' | 'hwid' | 'tcb'> & Partial<SnpReportFields>,
  signers: Readonly<Record<VekKind, Signer>>,
): Promise<Bytes> {
  const report = new Uint8Array(REPORT_BYTES)
  const view = new DataView(report.buffer)
  const { kind = 'vcek', version = 5 } = fields
  writeHead(view, fields, kind, version)
  writeIdentity(report, fields)
  writePlatform(report, view, fields, kind, version)
  fields.patch?.(report)
  const signer = fields.signer ?? signers[kind]
  const raw = await signer.signRaw(report.subarray(0, SIGNED_BYTES))
  report.set(raw.slice(0, 48).reverse(), 0x2a0)
  report.set(raw.slice(48, 96).reverse(), 0x2e8)
  fields.tamper?.(report)
  return report
}

function writeHead(
  view: DataView,
  fields: Partial<SnpReportFields>,
  kind: VekKind,
  version: number,
): void {
  view.setUint32(0x000, version, true)
  view.setUint32(0x004, fields.guestSvn ?? 0, true)
  view.setBigUint64(0x008, fields.policy ?? 0x30000n, true)
  view.setUint32(0x030, fields.vmpl ?? 0, true)
  view.setUint32(0x034, fields.signatureAlgorithm ?? 1, true)
  view.setBigUint64(0x040, fields.platformInfo ?? 0x25n, true)
  const signingKey = fields.signingKey ?? (kind === 'vcek' ? 0 : 1)
  const author = fields.authorKeyEnabled === true ? 1 : 0
  view.setUint32(0x048, (signingKey << 2) | (fields.maskChipKey === true ? 2 : 0) | author, true)
}

function writeIdentity(report: Bytes, fields: Partial<SnpReportFields>): void {
  const at: readonly [number, Uint8Array | undefined][] = [
    [0x010, fields.familyId],
    [0x020, fields.imageId],
    [0x050, fields.reportData],
    [0x090, fields.measurement],
    [0x0c0, fields.hostData],
    [0x0e0, fields.idKeyDigest],
    [0x110, fields.authorKeyDigest],
    [0x140, fields.reportId],
  ]
  for (const [offset, bytes] of at) if (bytes !== undefined) report.set(bytes, offset)
  // REPORT_ID_MA: all ones means that there is no migration agent.
  report.fill(0xff, 0x160, 0x180)
}

function writePlatform(
  report: Bytes,
  view: DataView,
  fields: Pick<SnpReportFields, 'product' | 'hwid' | 'tcb'> & Partial<SnpReportFields>,
  kind: VekKind,
  version: number,
): void {
  const { product, tcb } = fields
  report.set(tcbBytes(fields.currentTcb ?? tcb, product), 0x038)
  report.set(tcbBytes(fields.reportedTcb ?? tcb, product), 0x180)
  report.set(tcbBytes(fields.committedTcb ?? tcb, product), 0x1e0)
  report.set(tcbBytes(fields.launchTcb ?? tcb, product), 0x1f0)
  if (version >= 3) report.set(fields.cpuid ?? CPUIDS[product], 0x188)
  report.set(fields.chipId ?? (kind === 'vcek' ? fields.hwid : new Uint8Array(64)), 0x1a0)
  const [major, minor, build] = fields.current ?? FIRMWARE[product]
  report.set([build, minor, major], 0x1e8)
  const [majorC, minorC, buildC] = fields.committed ?? FIRMWARE[product]
  report.set([buildC, minorC, majorC], 0x1ec)
  if (version < 5) return
  view.setBigUint64(0x1f8, fields.launchMitigations ?? 1n, true)
  view.setBigUint64(0x200, fields.currentMitigations ?? 1n, true)
}

/** Encodes a TCB by the product's layout. */
export function tcbBytes({ fmc, bl, tee, snp, ucode }: SevTcb, product: SevProduct): Bytes {
  return product === 'Turin'
    ? Uint8Array.of(fmc, bl, tee, snp, 0, 0, 0, ucode)
    : Uint8Array.of(bl, tee, 0, 0, 0, 0, snp, ucode)
}
