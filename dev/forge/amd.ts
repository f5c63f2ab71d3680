import type {
  Collateral,
  CollateralEntry,
  SevProduct,
  SevRoot,
  SevTcb,
  VekKind,
} from '#attestation'
import type { Random } from '#base/brand.ts'
import { unixSeconds } from '#base/brand.ts'
import { type Bytes, hex } from '#base/bytes.ts'
import { type SnpReportFields, writeSnpReport } from './amd-report.ts'
import { amdName, forgeVek, type VekOptions } from './amd-vek.ts'
import {
  basicConstraints,
  type CrlFields,
  type ExtensionFields,
  exportSigner,
  importSigner,
  keyUsage,
  makeSigner,
  type Signer,
  type SignerData,
  writeCertificate,
  writeCrl,
} from './der.ts'

/**
 * A forged AMD: root, intermediates, report-signing keys of both kinds and revocation list for one product,
 * and structurally real reports of one chip. The production verifier runs on its output unchanged, with
 * `root` as anchor. Anything can be overridden before it is signed.
 */
export interface AmdForge {
  readonly product: SevProduct
  /** The anchor: ARK, ASK and ASVK. */
  readonly root: SevRoot
  /** The chip's id: 64 bytes, on Turin 8. */
  readonly hwid: Bytes
  /** The firmware that the reports show and the certificates certify by default. */
  readonly tcb: SevTcb
  readonly signers: Readonly<Record<AmdKey, Signer>>
  vek(options?: VekOptions): Promise<Bytes>
  crl(
    options?: { readonly kind?: VekKind; readonly signer?: Signer } & Partial<CrlFields>,
  ): Promise<Bytes>
  report(fields?: Partial<SnpReportFields>): Promise<Bytes>
  /** Certificate and revocation lists under the names by which the verifier looks them up. */
  collateral(): Promise<Collateral>
  /** The forge as plain data for another process; `openAmdForge` is the inverse. */
  export(): Promise<AmdForgeData>
}

export type AmdKey = 'ark' | 'ask' | 'asvk' | 'vcek' | 'vlek'

export interface AmdForgeData {
  readonly product: SevProduct
  /** Unix seconds at which the forge was made. */
  readonly now: number
  readonly hwid: Bytes
  readonly root: SevRoot
  readonly keys: Readonly<Record<AmdKey, SignerData>>
}

const YEAR_SECONDS = 31_536_000
const DAY_SECONDS = 86_400
const SERIALS = { ark: 0x10001, ask: 0x20001, asvk: 0x30001 } as const

/** Firmware of the newest stored real report of each product. */
export const FORGED_TCBS: Readonly<Record<SevProduct, SevTcb>> = {
  Milan: { fmc: 0, bl: 4, tee: 0, snp: 27, ucode: 222 },
  Genoa: { fmc: 0, bl: 10, tee: 0, snp: 25, ucode: 84 },
  Turin: { fmc: 1, bl: 1, tee: 1, snp: 4, ucode: 74 },
}

export async function forgeAmd(options: {
  readonly random: Random
  /** Unix seconds; everything forged is valid around it. */
  readonly now: number
  readonly product?: SevProduct
}): Promise<AmdForge> {
  const { random, now, product = 'Genoa' } = options
  const [ark, ask, asvk, vcek, vlek] = await Promise.all([
    makeSigner('rsa-pss-sha384'),
    makeSigner('rsa-pss-sha384'),
    makeSigner('rsa-pss-sha384'),
    makeSigner('ecdsa-p384-sha384'),
    makeSigner('ecdsa-p384-sha384'),
  ])
  const certify = (
    serial: number,
    subject: string,
    key: Signer,
    ...extensions: ExtensionFields[]
  ): Promise<Bytes> =>
    writeCertificate(
      {
        serial,
        issuer: amdName(`ARK-${product}`),
        subject: amdName(subject),
        notBefore: now - YEAR_SECONDS,
        notAfter: now + 25 * YEAR_SECONDS,
        spki: key.spki,
        extensions,
      },
      ark,
    )
  const root: SevRoot = {
    product,
    ark: await certify(SERIALS.ark, `ARK-${product}`, ark, basicConstraints(true), keyUsage(0x06)),
    ask: await certify(
      SERIALS.ask,
      `SEV-${product}`,
      ask,
      basicConstraints(true, 0),
      keyUsage(0x04),
    ),
    asvk: await certify(
      SERIALS.asvk,
      `SEV-VLEK-${product}`,
      asvk,
      basicConstraints(true, 0),
      keyUsage(0x04),
    ),
  }
  const hwid = random(product === 'Turin' ? 8 : 64)
  return buildForge({ product, now, hwid, root }, { ark, ask, asvk, vcek, vlek })
}

export async function openAmdForge(data: AmdForgeData): Promise<AmdForge> {
  const { ark, ask, asvk, vcek, vlek } = data.keys
  return buildForge(data, {
    ark: await importSigner(ark),
    ask: await importSigner(ask),
    asvk: await importSigner(asvk),
    vcek: await importSigner(vcek),
    vlek: await importSigner(vlek),
  })
}

function buildForge(
  base: Omit<AmdForgeData, 'keys'>,
  signers: Readonly<Record<AmdKey, Signer>>,
): AmdForge {
  const { product, now, hwid, root } = base
  const tcb = FORGED_TCBS[product]
  const forge: AmdForge = {
    product,
    root,
    hwid,
    tcb,
    signers,
    vek: (options = {}) => forgeVek(base, signers, { tcb, hwid, ...options }),
    crl: ({ kind: _kind, signer = signers.ark, ...fields } = {}) =>
      writeCrl(
        {
          issuer: amdName(`ARK-${product}`),
          thisUpdate: now - DAY_SECONDS,
          nextUpdate: now + YEAR_SECONDS,
          number: 100,
          revoked: [],
          ...fields,
        },
        signer,
      ),
    report: (fields = {}) => writeSnpReport({ product, hwid, tcb, ...fields }, signers),
    collateral: () => forgedCollateral(forge, now),
    export: async () => ({ ...base, keys: await exportSigners(signers) }),
  }
  return forge
}

async function exportSigners(
  signers: Readonly<Record<AmdKey, Signer>>,
): Promise<AmdForgeData['keys']> {
  return {
    ark: await exportSigner(signers.ark),
    ask: await exportSigner(signers.ask),
    asvk: await exportSigner(signers.asvk),
    vcek: await exportSigner(signers.vcek),
    vlek: await exportSigner(signers.vlek),
  }
}

async function forgedCollateral(forge: AmdForge, now: number): Promise<Collateral> {
  const entry = (name: string, body: Bytes): [string, CollateralEntry] => [
    name,
    { name, body, headers: {}, fetchedAt: unixSeconds(now) },
  ]
  return new Map([
    entry(`amd/crl/vcek/${forge.product}`, await forge.crl()),
    entry(`amd/crl/vlek/${forge.product}`, await forge.crl({ kind: 'vlek' })),
  ])
}

/** The VCEK's collateral name, for tests that leave it out of the evidence. */
export function forgedVcekName(forge: AmdForge, reportedTcb: Uint8Array): string {
  return `amd/vcek/${forge.product}/${hex(forge.hwid)}/${hex(reportedTcb)}`
}
