import type { Collateral, CollateralEntry } from '#attestation'
import { type Random, unixSeconds } from '#base/brand.ts'
import { type Bytes, hex } from '#base/bytes.ts'
import {
  basicConstraints,
  type CrlFields,
  exportSigner,
  importSigner,
  keyUsage,
  makeSigner,
  type Signer,
  type SignerData,
  writeCertificate,
  writeCrl,
} from './der.ts'
import {
  AUTHORITY_NAMES,
  type CertificateBase,
  certificateWriters,
  FORGED_SERIALS,
  type IntelCertificates,
  intelName,
  type PckAuthorityName,
  ROOT_NAME,
} from './intel-certificates.ts'
import { type TdxQuoteFields, writeTdxQuote } from './intel-quote.ts'
import {
  FORGED_INTEL_TCB,
  forgedQeIdentity,
  forgedTcbInfo,
  type IntelTcb,
  type QeIdentityJson,
  signDocument,
  type TcbInfoJson,
} from './intel-tcb.ts'

/**
 * A forged Intel: root, both PCK authorities, TCB signer, one platform with its PCK and attestation keys,
 * revocation lists, TCB info and quoting enclave identity, and structurally real TDX quotes of that platform. The
 * production verifier runs on its output unchanged, with `root` as anchor. Anything can be overridden before it is
 * signed.
 */
export interface IntelForge extends IntelCertificates {
  /** The anchor, DER: goes into `TrustAnchors.intel`. */
  readonly root: Bytes
  readonly authority: PckAuthorityName
  /** Hex. */
  readonly fmspc: string
  readonly pceId: string
  readonly ppid: Bytes
  readonly tcb: IntelTcb
  readonly signers: Readonly<Record<IntelKey, Signer>>
  /** A TDX quote; without fields one that the default policy accepts, of a TD whose registers are zero. */
  quote(fields?: Partial<TdxQuoteFields>): Promise<Bytes>
  crl(options?: IntelCrlOptions): Promise<Bytes>
  tcbInfo(options?: DocumentOptions<TcbInfoJson>): Promise<Bytes>
  qeIdentity(options?: DocumentOptions<QeIdentityJson>): Promise<Bytes>
  /** All of it under the names by which the verifier looks it up; entries replace or (undefined) remove. */
  collateral(changes?: Readonly<Record<string, CollateralEntry | undefined>>): Promise<Collateral>
  /** The forge as plain data for another process; `openIntelForge` is the inverse. */
  export(): Promise<IntelForgeData>
}

export type IntelKey = 'root' | 'authority' | 'tcbSigning' | 'pck' | 'attestation'

export interface IntelForgeData extends CertificateBase {
  readonly keys: Readonly<Record<IntelKey, SignerData>>
}

export interface IntelCrlOptions extends Partial<CrlFields> {
  /** Whose list; default the PCK authority's. */
  readonly of?: 'root' | 'authority'
  readonly signer?: Signer
}

export interface DocumentOptions<Json> {
  /** Alters the document before it is signed. */
  readonly edit?: (document: Json) => void
  /** Writes it as text; default JSON.stringify. */
  readonly text?: (document: Json) => string
  readonly signer?: Signer
}

const YEAR_SECONDS = 31_536_000
const DAY_SECONDS = 86_400
export async function forgeIntel(options: {
  readonly random: Random
  /** Unix seconds; everything forged is valid around it. */
  readonly now: number
  readonly authority?: PckAuthorityName
}): Promise<IntelForge> {
  const { random, now, authority = 'platform' } = options
  const make = (): Promise<Signer> => makeSigner('ecdsa-p256-sha256')
  const [root, issuer, tcbSigning, pck, attestation] = await Promise.all([
    make(),
    make(),
    make(),
    make(),
    make(),
  ])
  const certificate = await writeCertificate(
    {
      serial: FORGED_SERIALS.root,
      issuer: ROOT_NAME,
      subject: ROOT_NAME,
      notBefore: now - YEAR_SECONDS,
      notAfter: now + 25 * YEAR_SECONDS,
      spki: root.spki,
      extensions: [keyUsage(0x06), basicConstraints(true, 1)],
    },
    root,
  )
  const fmspc = `f0${hex(random(3))}0000`
  const base = { now, authority, fmspc, pceId: '0000', ppid: random(16), root: certificate }
  return buildForge(base, { root, authority: issuer, tcbSigning, pck, attestation })
}

export async function openIntelForge(data: IntelForgeData): Promise<IntelForge> {
  const { root, authority, tcbSigning, pck, attestation } = data.keys
  return buildForge(data, {
    root: await importSigner(root),
    authority: await importSigner(authority),
    tcbSigning: await importSigner(tcbSigning),
    pck: await importSigner(pck),
    attestation: await importSigner(attestation),
  })
}

type Signers = Readonly<Record<IntelKey, Signer>>

function buildForge(base: CertificateBase, signers: Signers): IntelForge {
  const { now, authority, fmspc, pceId, ppid, root } = base
  const tcb = FORGED_INTEL_TCB
  const certificates = certificateWriters(base, signers)
  const forge: IntelForge = {
    root,
    authority,
    fmspc,
    pceId,
    ppid,
    tcb,
    signers,
    ...certificates,
    quote: async (fields = {}) => {
      const teeTcbSvn = Uint8Array.from(tcb.teeTcbSvn)
      return writeTdxQuote({ teeTcbSvn, ...fields }, signers, await certificates.pckChain())
    },
    crl: ({ of = 'authority', signer = signers[of], ...fields } = {}) =>
      writeCrl(
        {
          issuer: of === 'root' ? ROOT_NAME : intelName(AUTHORITY_NAMES[authority]),
          thisUpdate: now - DAY_SECONDS,
          nextUpdate: now + 29 * DAY_SECONDS,
          // As Intel does: every list has the number 1.
          number: 1,
          revoked: [],
          ...fields,
        },
        signer,
      ),
    tcbInfo: (options = {}) => {
      const document = forgedTcbInfo({ now, fmspc, pceId, tcb })
      return forgeDocument('tcbInfo', document, options, signers)
    },
    qeIdentity: (options = {}) =>
      forgeDocument('enclaveIdentity', forgedQeIdentity(now), options, signers),
    collateral: (changes = {}) => forgedCollateral(forge, now, changes),
    export: async () => ({ ...base, keys: await exportSigners(signers) }),
  }
  return forge
}

function forgeDocument<Json>(
  member: 'tcbInfo' | 'enclaveIdentity',
  document: Json,
  options: DocumentOptions<Json>,
  signers: Signers,
): Promise<Bytes> {
  options.edit?.(document)
  const text = options.text?.(document) ?? JSON.stringify(document)
  return signDocument(member, text, options.signer ?? signers.tcbSigning)
}

async function exportSigners(signers: Signers): Promise<IntelForgeData['keys']> {
  return {
    root: await exportSigner(signers.root),
    authority: await exportSigner(signers.authority),
    tcbSigning: await exportSigner(signers.tcbSigning),
    pck: await exportSigner(signers.pck),
    attestation: await exportSigner(signers.attestation),
  }
}

async function forgedCollateral(
  forge: IntelForge,
  now: number,
  changes: Readonly<Record<string, CollateralEntry | undefined>>,
): Promise<Collateral> {
  const chain = await forge.issuerChain()
  const entry = (
    name: string,
    body: Bytes,
    headers: Readonly<Record<string, string>> = {},
  ): [string, CollateralEntry] => [name, { name, body, headers, fetchedAt: unixSeconds(now) }]
  const entries = new Map([
    entry(`intel/tcb/tdx/${forge.fmspc}`, await forge.tcbInfo(), {
      'tcb-info-issuer-chain': chain,
    }),
    entry('intel/qe/td', await forge.qeIdentity(), { 'sgx-enclave-identity-issuer-chain': chain }),
    entry(`intel/crl/${forge.authority}`, await forge.crl()),
    entry('intel/crl/root', await forge.crl({ of: 'root' })),
  ])
  for (const [name, change] of Object.entries(changes)) {
    if (change === undefined) entries.delete(name)
    else entries.set(name, change)
  }
  return entries
}
