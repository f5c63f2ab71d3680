import type { Bytes } from '#base/bytes.ts'
import {
  basicConstraints,
  type CertificateFields,
  type ExtensionFields,
  keyUsage,
  type NameFields,
  pem,
  type Signer,
  seq,
  writeCertificate,
} from './der.ts'
import { type PckFields, pckEntries, SGX_EXTENSION_OID } from './intel-pck.ts'
import { FORGED_INTEL_TCB } from './intel-tcb.ts'

export type PckAuthorityName = 'platform' | 'processor'

export interface PckOptions {
  readonly pck?: Partial<PckFields>
  /** Edits the SGX extension's entries. */
  readonly entries?: (entries: readonly Bytes[]) => readonly Bytes[]
  /** Edits the extension list. */
  readonly extensions?: (fields: readonly ExtensionFields[]) => readonly ExtensionFields[]
  readonly fields?: Partial<CertificateFields>
  readonly signer?: Signer
}

/** Writers of Intel's certificates; every field can be overridden. */
export interface IntelCertificates {
  /** The platform's PCK certificate, DER. */
  pck(options?: PckOptions): Promise<Bytes>
  /** PEM of PCK certificate, authority and root, as quotes carry it. */
  pckChain(options?: PckOptions): Promise<string>
  /** The authorities' certificates, DER. */
  authorityCertificate(fields?: Partial<CertificateFields>, signer?: Signer): Promise<Bytes>
  /** An issuer chain as the response header carries it: URL-encoded PEM of signer and root. */
  issuerChain(fields?: Partial<CertificateFields>, signer?: Signer): Promise<string>
}

export interface CertificateBase {
  /** Unix seconds at which the forge was made. */
  readonly now: number
  readonly authority: PckAuthorityName
  readonly fmspc: string
  readonly pceId: string
  readonly ppid: Bytes
  readonly root: Bytes
}

const YEAR_SECONDS = 31_536_000
export const FORGED_SERIALS = { root: 1, authority: 2, tcbSigning: 3, pck: 4 } as const

/** Common names of Intel's authorities. */
export const AUTHORITY_NAMES: Readonly<Record<PckAuthorityName, string>> = {
  platform: 'Intel SGX PCK Platform CA',
  processor: 'Intel SGX PCK Processor CA',
}

export function intelName(commonName: string): NameFields {
  return [
    ['CN', commonName],
    ['O', 'Intel Corporation'],
    ['L', 'Santa Clara'],
    ['ST', 'CA'],
    ['C', 'US'],
  ]
}

export const ROOT_NAME = intelName('Intel SGX Root CA')

/** Once written, the default chain is the same in every quote of one platform, as on real machines. */
export function certificateWriters(
  { now, authority, fmspc, pceId, ppid, root }: CertificateBase,
  signers: Readonly<Record<'root' | 'authority' | 'tcbSigning' | 'pck', Signer>>,
): IntelCertificates {
  const authorityName = intelName(AUTHORITY_NAMES[authority])
  const dates = { notBefore: now - YEAR_SECONDS, notAfter: now + 7 * YEAR_SECONDS }
  const leafUsage = [keyUsage(0xc0), basicConstraints(false)]
  const pck: IntelCertificates['pck'] = (options = {}) => {
    const platform = { ppid, tcb: FORGED_INTEL_TCB, pceId, fmspc, sgxType: 1 }
    const fields = { ...platform, platformInstance: new Uint8Array(16).fill(9), ...options.pck }
    const entries = pckEntries(fields)
    const value = seq(...(options.entries?.(entries) ?? entries))
    const extensions = [...leafUsage, { id: SGX_EXTENSION_OID, value }]
    const certificate: CertificateFields = {
      serial: FORGED_SERIALS.pck,
      issuer: authorityName,
      subject: intelName('Intel SGX PCK Certificate'),
      ...dates,
      spki: signers.pck.spki,
      extensions: options.extensions?.(extensions) ?? extensions,
      ...options.fields,
    }
    return writeCertificate(certificate, options.signer ?? signers.authority)
  }
  const authorityCertificate: IntelCertificates['authorityCertificate'] = (fields = {}, signer) =>
    writeCertificate(
      {
        serial: FORGED_SERIALS.authority,
        issuer: ROOT_NAME,
        subject: authorityName,
        ...dates,
        spki: signers.authority.spki,
        extensions: [keyUsage(0x06), basicConstraints(true, 0)],
        ...fields,
      },
      signer ?? signers.root,
    )
  const issuerChain: IntelCertificates['issuerChain'] = async (fields = {}, signer) => {
    const certificate: CertificateFields = {
      serial: FORGED_SERIALS.tcbSigning,
      issuer: ROOT_NAME,
      subject: intelName('Intel SGX TCB Signing'),
      ...dates,
      spki: signers.tcbSigning.spki,
      extensions: leafUsage,
      ...fields,
    }
    const signing = await writeCertificate(certificate, signer ?? signers.root)
    return encodeURIComponent(pem(signing) + pem(root))
  }
  let usual: Promise<string> | undefined
  const pckChain: IntelCertificates['pckChain'] = (options) => {
    const write = async (): Promise<string> =>
      pem(await pck(options)) + pem(await authorityCertificate()) + pem(root)
    if (options !== undefined) return write()
    usual ??= write()
    return usual
  }
  return { pck, pckChain, authorityCertificate, issuerChain }
}
