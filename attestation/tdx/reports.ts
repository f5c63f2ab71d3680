import { type Bytes, hex } from '#base/bytes.ts'
import { ByteReader } from '#base/reader.ts'
import { demand } from '../errors.ts'

/** The report of an SGX enclave: the quoting enclave of every quote, and the body of an SGX quote. */
export interface EnclaveReport {
  /** All 384 bytes, as signed. */
  readonly raw: Bytes
  readonly cpuSvn: Bytes
  /** 4 bytes, little-endian, as Intel's identities write them in hex. */
  readonly miscSelect: Bytes
  /** FLAGS and XFRM, 16 bytes. */
  readonly attributes: Bytes
  readonly mrEnclave: Bytes
  readonly mrSigner: Bytes
  readonly isvProdId: number
  readonly isvSvn: number
  readonly reportData: Bytes
}

/**
 * The report of a trust domain. `1.5` bodies add the SVN of the module that would run after a relaunch, and the
 * service TD's measurement.
 * @see Intel TDX DCAP Quoting Library API, "TD Quote Body"; Intel TDX Module ABI, TDREPORT_STRUCT
 */
export interface TdReport {
  readonly format: '1.0' | '1.5'
  /** 16 security versions of module and processor: [0] module SVN, [1] module major version. */
  readonly teeTcbSvn: Bytes
  readonly mrSeam: Bytes
  readonly mrSignerSeam: Bytes
  readonly seamAttributes: Bytes
  readonly tdAttributes: Bytes
  readonly xfam: Bytes
  readonly mrtd: Bytes
  readonly mrConfigId: Bytes
  readonly mrOwner: Bytes
  readonly mrOwnerConfig: Bytes
  readonly rtmr0: Bytes
  readonly rtmr1: Bytes
  readonly rtmr2: Bytes
  readonly rtmr3: Bytes
  readonly reportData: Bytes
  /** `1.5` only; all zeros in `1.0`. */
  readonly teeTcbSvn2: Bytes
  /** `1.5` only; all zeros in `1.0`. */
  readonly mrServiceTd: Bytes
}

export const ENCLAVE_REPORT_BYTES = 384
export const TD_REPORT_BYTES = { '1.0': 584, '1.5': 648 } as const satisfies Record<
  TdReport['format'],
  number
>

/** @see Intel SDM volume 3D, "REPORT" */
export function parseEnclaveReport(raw: Bytes): EnclaveReport {
  demand(raw.length === ENCLAVE_REPORT_BYTES, 'parse', `enclave report of ${raw.length} bytes`)
  const view = new DataView(raw.buffer, raw.byteOffset, raw.byteLength)
  return {
    raw,
    cpuSvn: raw.slice(0, 16),
    miscSelect: raw.slice(16, 20),
    attributes: raw.slice(48, 64),
    mrEnclave: raw.slice(64, 96),
    mrSigner: raw.slice(128, 160),
    isvProdId: view.getUint16(256, true),
    isvSvn: view.getUint16(258, true),
    reportData: raw.slice(320, 384),
  }
}

export function parseTdReport(body: Bytes, format: TdReport['format']): TdReport {
  demand(body.length === TD_REPORT_BYTES[format], 'parse', `TD report of ${body.length} bytes`)
  const reader = new ByteReader(body)
  const extended = format === '1.5'
  return {
    format,
    teeTcbSvn: reader.take(16),
    mrSeam: reader.take(48),
    mrSignerSeam: reader.take(48),
    seamAttributes: reader.take(8),
    tdAttributes: reader.take(8),
    xfam: reader.take(8),
    mrtd: reader.take(48),
    mrConfigId: reader.take(48),
    mrOwner: reader.take(48),
    mrOwnerConfig: reader.take(48),
    rtmr0: reader.take(48),
    rtmr1: reader.take(48),
    rtmr2: reader.take(48),
    rtmr3: reader.take(48),
    reportData: reader.take(64),
    teeTcbSvn2: extended ? reader.take(16) : new Uint8Array(16),
    mrServiceTd: extended ? reader.take(48) : new Uint8Array(48),
  }
}

/** The measured registers by the names that people use, hex. */
export function registersOf(report: TdReport): Readonly<Record<string, string>> {
  return {
    mrtd: hex(report.mrtd),
    rtmr0: hex(report.rtmr0),
    rtmr1: hex(report.rtmr1),
    rtmr2: hex(report.rtmr2),
    rtmr3: hex(report.rtmr3),
    mr_seam: hex(report.mrSeam),
    mr_config_id: hex(report.mrConfigId),
    mr_owner: hex(report.mrOwner),
    mr_owner_config: hex(report.mrOwnerConfig),
  }
}
