import { type Bytes, concat, fromHex, utf8 } from '#base/bytes.ts'
import type { Signer } from './der.ts'

/** Every field of a TDX quote. @see Intel TDX DCAP Quoting Library API, "Quote Format" */
export interface TdxQuoteFields {
  /** 4 (TDX 1.0 body) or 5. */
  readonly version: number
  /** Body of version 5; version 4 has no other than 1.0. */
  readonly format: '1.0' | '1.5'
  readonly keyType: number
  readonly teeType: number
  readonly qeVendor: Uint8Array
  readonly userData: Uint8Array
  /** Version 5's own fields, when they are to lie. */
  readonly bodyType: number
  readonly bodySize: number
  readonly teeTcbSvn: Uint8Array
  readonly mrSeam: Uint8Array
  readonly mrSignerSeam: Uint8Array
  readonly seamAttributes: Uint8Array
  /** 64 bits; default SEPT_VE_DISABLE. */
  readonly tdAttributes: bigint
  readonly xfam: bigint
  readonly mrtd: Uint8Array
  readonly mrConfigId: Uint8Array
  readonly mrOwner: Uint8Array
  readonly mrOwnerConfig: Uint8Array
  readonly rtmr0: Uint8Array
  readonly rtmr1: Uint8Array
  readonly rtmr2: Uint8Array
  readonly rtmr3: Uint8Array
  readonly reportData: Uint8Array
  readonly teeTcbSvn2: Uint8Array
  readonly mrServiceTd: Uint8Array
  readonly qe: Partial<QeReportFields>
  readonly qeAuthData: Uint8Array
  /** What the QE report binds; default SHA-256(attestation key || auth data) and 32 zeros. */
  readonly qeReportData: Uint8Array
  /** x||y in the quote; default the attestation signer's. */
  readonly attestationKey: Uint8Array
  /** Outer certification data type; default 6. */
  readonly outerType: number
  /** Inner certification data type; default 5. */
  readonly certificationType: number
  /** Inner certification data; default the PCK chain in PEM with a NUL at its end. */
  readonly certification: Uint8Array
  readonly attestationSigner: Signer
  readonly pckSigner: Signer
  readonly trailing: Uint8Array
  /** Alters header and body before they are signed. */
  readonly patch: (signed: Bytes) => void
  /** Alters the QE report before it is signed. */
  readonly patchQe: (report: Bytes) => void
  /** Alters the whole quote at the end. */
  readonly tamper: (quote: Bytes) => void
}

/** The quoting enclave's identity in its report. */
export interface QeReportFields {
  readonly cpuSvn: Uint8Array
  readonly miscSelect: Uint8Array
  readonly attributes: Uint8Array
  readonly mrEnclave: Uint8Array
  readonly mrSigner: Uint8Array
  readonly isvProdId: number
  readonly isvSvn: number
}

export const FORGED_QE_SIGNER = fromHex(
  'dc9e2a7c6f948f17474e34a7fc43ed030f7c1563f1babddf6340c82e0e54a8c5',
)
const QE_ATTRIBUTES = fromHex('15000000000000000600000000000000')
const INTEL_QE_VENDOR = fromHex('939a7233f79c4ca9940a0db3957f0607')
const SEPT_VE_DISABLE = 1n << 28n
const XFAM = 0x602e7n
const BODY_TYPES = { '1.0': 2, '1.5': 3 } as const
const HEADER_BYTES = 48
const QE_REPORT_BYTES = 384

export interface QuoteSigners {
  readonly attestation: Signer
  readonly pck: Signer
}

/** @param chain PEM text of the PCK chain */
export async function writeTdxQuote(
  fields: Partial<TdxQuoteFields> & Pick<TdxQuoteFields, 'teeTcbSvn'>,
  signers: QuoteSigners,
  chain: string,
): Promise<Bytes> {
  const { version = 4, format = version === 4 ? '1.0' : '1.5' } = fields
  const body = bodyBytes(fields, format)
  const frame = version < 5 ? new Uint8Array() : bodyFrame(fields, format, body.length)
  const signed = concat(headerBytes(fields, version), frame, body)
  fields.patch?.(signed)
  const signer = fields.attestationSigner ?? signers.attestation
  const attestationKey = fields.attestationKey ?? signer.point.subarray(1)
  const signature = await signer.signRaw(signed)
  const qe = await qePart(fields, attestationKey, fields.pckSigner ?? signers.pck)
  const data = fields.certification ?? utf8(`${chain}\0`)
  const inner = concat(qe, u16(fields.certificationType ?? 5), u32(data.length), data)
  const outer = concat(u16(fields.outerType ?? 6), u32(inner.length), inner)
  const auth = concat(signature, attestationKey, outer)
  const trailing = fields.trailing ?? new Uint8Array()
  const quote = concat(signed, u32(auth.length), auth, trailing)
  fields.tamper?.(quote)
  return quote
}

function headerBytes(fields: Partial<TdxQuoteFields>, version: number): Bytes {
  const header = new Uint8Array(HEADER_BYTES)
  const view = new DataView(header.buffer)
  view.setUint16(0, version, true)
  view.setUint16(2, fields.keyType ?? 2, true)
  view.setUint32(4, fields.teeType ?? 0x81, true)
  header.set(fields.qeVendor ?? INTEL_QE_VENDOR, 12)
  header.set(fields.userData ?? new Uint8Array(), 28)
  return header
}

function bodyFrame(fields: Partial<TdxQuoteFields>, format: '1.0' | '1.5', length: number): Bytes {
  return concat(u16(fields.bodyType ?? BODY_TYPES[format]), u32(fields.bodySize ?? length))
}

function bodyBytes(
  fields: Partial<TdxQuoteFields> & Pick<TdxQuoteFields, 'teeTcbSvn'>,
  format: '1.0' | '1.5',
): Bytes {
  const sized = (bytes: Uint8Array | undefined, length: number): Bytes => {
    const field = new Uint8Array(length)
    field.set(bytes ?? new Uint8Array())
    return field
  }
  const parts = [
    sized(fields.teeTcbSvn, 16),
    sized(fields.mrSeam, 48),
    sized(fields.mrSignerSeam, 48),
    sized(fields.seamAttributes, 8),
    u64(fields.tdAttributes ?? SEPT_VE_DISABLE),
    u64(fields.xfam ?? XFAM),
    sized(fields.mrtd, 48),
    sized(fields.mrConfigId, 48),
    sized(fields.mrOwner, 48),
    sized(fields.mrOwnerConfig, 48),
    sized(fields.rtmr0, 48),
    sized(fields.rtmr1, 48),
    sized(fields.rtmr2, 48),
    sized(fields.rtmr3, 48),
    sized(fields.reportData, 64),
  ]
  if (format === '1.0') return concat(...parts)
  const teeTcbSvn2 = fields.teeTcbSvn2 ?? fields.teeTcbSvn
  return concat(...parts, sized(teeTcbSvn2, 16), sized(fields.mrServiceTd, 48))
}

/** QE report, its signature, and the authentication data with its length. */
async function qePart(
  fields: Partial<TdxQuoteFields>,
  attestationKey: Uint8Array,
  signer: Signer,
): Promise<Bytes> {
  const { qe = {}, qeAuthData = new Uint8Array(32).map((_, i) => i) } = fields
  const report = new Uint8Array(QE_REPORT_BYTES)
  const view = new DataView(report.buffer)
  report.set(qe.cpuSvn ?? new Uint8Array(16).fill(7), 0)
  report.set(qe.miscSelect ?? new Uint8Array(4), 16)
  report.set(qe.attributes ?? QE_ATTRIBUTES, 48)
  report.set(qe.mrEnclave ?? new Uint8Array(32).fill(0xe5), 64)
  report.set(qe.mrSigner ?? FORGED_QE_SIGNER, 128)
  view.setUint16(256, qe.isvProdId ?? 2, true)
  view.setUint16(258, qe.isvSvn ?? 4, true)
  const digest = await crypto.subtle.digest('SHA-256', concat(attestationKey, qeAuthData))
  report.set(fields.qeReportData ?? new Uint8Array(digest), 320)
  fields.patchQe?.(report)
  return concat(report, await signer.signRaw(report), u16(qeAuthData.length), qeAuthData)
}

function u16(value: number): Bytes {
  return Uint8Array.of(value & 0xff, value >> 8)
}

function u32(value: number): Bytes {
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setUint32(0, value, true)
  return bytes
}

function u64(value: bigint): Bytes {
  const bytes = new Uint8Array(8)
  new DataView(bytes.buffer).setBigUint64(0, value, true)
  return bytes
}
