import type { Bytes } from '#base/bytes.ts'
import { ByteReader } from '#base/reader.ts'
import { AttestationError, demand, parsing } from '../errors.ts'
import {
  ENCLAVE_REPORT_BYTES,
  type EnclaveReport,
  parseEnclaveReport,
  parseTdReport,
  TD_REPORT_BYTES,
  type TdReport,
} from './reports.ts'

/** A DCAP quote, parsed and not yet believed: version 3 (SGX), 4 and 5 (TDX). */
export type Quote = QuoteParts &
  (
    | { readonly tee: 'tdx'; readonly report: TdReport }
    | { readonly tee: 'sgx'; readonly report: EnclaveReport }
  )

export type TdxQuote = Extract<Quote, { tee: 'tdx' }>
export type SgxQuote = Extract<Quote, { tee: 'sgx' }>

export interface QuoteParts {
  readonly version: number
  readonly qeVendor: Bytes
  /** Header and body as received: what the attestation key signed. */
  readonly signed: Bytes
  /** Raw r||s. */
  readonly signature: Bytes
  /** x||y of a P-256 key. */
  readonly attestationKey: Bytes
  readonly qeReport: EnclaveReport
  /** Raw r||s by the PCK key over the QE report. */
  readonly qeReportSignature: Bytes
  /** Free bytes that the QE report binds together with the attestation key. */
  readonly qeAuthData: Bytes
  readonly certification: { readonly type: number; readonly data: Bytes }
  /** What follows the declared end: never parsed, hashed or signed. */
  readonly trailing: { readonly bytes: number; readonly nonZero: boolean }
}

/** Certification data types. @see Intel SGX DCAP Quoting Library API, "Certification Data Types" */
export const CERTIFICATION = { pckChain: 5, qeReport: 6 } as const

/** The largest stored real quote has 8,000 bytes, padding included. */
export const MAX_QUOTE_BYTES = 32_768
const HEADER_BYTES = 48
const ECDSA_P256 = 2
const TEE_TYPES = { sgx: 0, tdx: 0x81 } as const
const P256_BYTES = 64

/** Body types of version 5. Type 1 is an SGX report, which no SGX quoting enclave makes in version 5. */
const BODY_TYPES: Readonly<Record<number, TdReport['format']>> = { 2: '1.0', 3: '1.5' }

/**
 * Parses a quote: exact sizes, every length inside its parent, nothing read after the declared end.
 * @see Intel TDX DCAP Quoting Library API, "Quote Format"
 * @throws AttestationError version, tee-type, key-type, parse or too-large
 */
export function parseQuote(quote: Bytes): Quote {
  demand(quote.length <= MAX_QUOTE_BYTES, 'too-large', `quote of ${quote.length} bytes`)
  return parsing('quote', () => {
    const reader = new ByteReader(quote)
    const { version, tee, qeVendor } = readHeader(reader)
    const format = tee === 'sgx' ? undefined : readFormat(reader, version)
    const body = reader.take(format === undefined ? ENCLAVE_REPORT_BYTES : TD_REPORT_BYTES[format])
    const signed = quote.slice(0, reader.offset)
    const auth = new ByteReader(reader.take(reader.u32le()))
    const parts: QuoteParts = {
      version,
      qeVendor,
      signed,
      ...readAuthentication(auth, version),
      trailing: trailingOf(reader.rest()),
    }
    if (format === undefined) return { ...parts, tee: 'sgx', report: parseEnclaveReport(body) }
    return { ...parts, tee: 'tdx', report: parseTdReport(body, format) }
  })
}

function readHeader(reader: ByteReader): {
  version: number
  tee: 'sgx' | 'tdx'
  qeVendor: Bytes
} {
  const header = new ByteReader(reader.take(HEADER_BYTES))
  const version = header.u16le()
  demand(version >= 3 && version <= 5, 'version', `quote version ${version}`)
  const keyType = header.u16le()
  const teeType = header.u32le()
  const got = `TEE type 0x${teeType.toString(16)} in version ${version}`
  // Version 3 knows SGX only: it has a reserved field here, which is zero.
  demand(version > 3 || teeType === TEE_TYPES.sgx, 'version', got)
  const tee = version === 3 ? 'sgx' : 'tdx'
  demand(teeType === TEE_TYPES[tee], 'tee-type', got)
  demand(keyType === ECDSA_P256, 'key-type', `attestation key type ${keyType}`)
  // Reserved, or the SVNs of QE and PCE: the certificates and reports say those with a signature.
  header.skip(4)
  return { version, tee, qeVendor: header.take(16) }
}

function readFormat(reader: ByteReader, version: number): TdReport['format'] {
  if (version === 4) return '1.0'
  const type = reader.u16le()
  const size = reader.u32le()
  const format = BODY_TYPES[type]
  if (format === undefined) throw new AttestationError('tee-type', `quote body type ${type}`)
  demand(size === TD_REPORT_BYTES[format], 'parse', `quote body of ${size} bytes`)
  return format
}

type Authentication = Omit<QuoteParts, 'version' | 'qeVendor' | 'signed' | 'trailing'>

/** Versions 4 and 5 wrap the QE's part in one more certification structure. */
function readAuthentication(reader: ByteReader, version: number): Authentication {
  const signature = reader.take(P256_BYTES)
  const attestationKey = reader.take(P256_BYTES)
  if (version > 3) {
    const type = reader.u16le()
    demand(type === CERTIFICATION.qeReport, 'parse', `certification data type ${type}`)
    demand(reader.u32le() === reader.remaining, 'parse', 'certification data size')
  }
  const qeReport = parseEnclaveReport(reader.take(ENCLAVE_REPORT_BYTES))
  const qeReportSignature = reader.take(P256_BYTES)
  const qeAuthData = reader.take(reader.u16le())
  const type = reader.u16le()
  const data = reader.take(reader.u32le())
  reader.end()
  const certification = { type, data }
  return { signature, attestationKey, qeReport, qeReportSignature, qeAuthData, certification }
}

function trailingOf(rest: Bytes): QuoteParts['trailing'] {
  return { bytes: rest.length, nonZero: rest.some((byte) => byte !== 0) }
}
