import type { UnixSeconds } from '#base/brand.ts'
import { type Bytes, hex } from '#base/bytes.ts'
import { anchorCertificate, type SevProduct, type SevRoot } from '../anchors.ts'
import { type Proof, prove } from '../checks.ts'
import type { Collateral } from '../collateral/entry.ts'
import { type Certificate, parseCertificate } from '../der/certificate.ts'
import { verifyChain } from '../der/chain.ts'
import { checkNotRevoked, parseCrl, verifyCrlSignature } from '../der/crl.ts'
import { verifyEcdsaRaw } from '../der/ecdsa.ts'
import { commonName, sameName } from '../der/names.ts'
import { AttestationError, demand } from '../errors.ts'
import { SEV_CHECKS } from './checks.ts'
import { crlName, kindOfReport, productOfEvidence, type SevEvidence, vcekName } from './evidence.ts'
import type { SnpReport } from './report.ts'
import { decodeTcb, partsBelow, type SevTcb, tcbText } from './tcb.ts'
import {
  checkChip,
  checkVekName,
  kindOfVek,
  productOfVek,
  readVek,
  type VekFacts,
  type VekKind,
} from './vek.ts'

/** What is true about a report once every cryptographic step has passed. */
export interface SevFacts {
  readonly technology: 'sev-snp'
  readonly product: SevProduct
  readonly report: SnpReport
  readonly vek: VekFacts
  /** The four TCB versions, decoded by the product's layout. */
  readonly tcb: Readonly<Record<'current' | 'reported' | 'committed' | 'launch', SevTcb>>
  /** State of the revocation list at `now`; what to accept is policy. */
  readonly crl: { readonly state: 'current' | 'stale' | 'absent'; readonly number: bigint }
  /** The chip, as a name of the hardware; undefined under a VLEK, which certifies no chip. */
  readonly chip: string | undefined
}

export interface SevProofInput {
  readonly evidence: SevEvidence
  readonly collateral: Collateral
  readonly now: UnixSeconds
  readonly anchors: readonly SevRoot[]
}

const AMD_SIGNATURE = ['rsa-pss-sha384'] as const

/** Certificate authority of each key kind, by common name. */
const AUTHORITY: Readonly<Record<VekKind, string>> = { vcek: 'SEV-', vlek: 'SEV-VLEK-' }

/**
 * Proves a report:
 * 1. it is signed and not masked, by a VCEK or a VLEK;
 * 2. its product is known and pinned, and the TCB fields have that product's layout;
 * 3. the signing certificate is at hand, and of the same kind and product;
 * 4. it chains through AMD's authority to the pinned root;
 * 5. no certificate of the chain is on the root's revocation list;
 * 6. it certifies the reported TCB of this very chip;
 * 7. it signed the report.
 */
export function proveSev(input: SevProofInput): Promise<Proof<SevFacts>> {
  const { evidence, collateral, now } = input
  const { report } = evidence
  return prove(SEV_CHECKS, async (list) => {
    const kind = await list.step('sev.signer', () => checkSigner(report))
    const product = await list.step('sev.product', () => productOfEvidence(report, evidence.vek))
    const tcb = await list.step('sev.tcb-format', () => decodeTcbs(report, product))
    const vek = await list.step('sev.vek-present', () => findVek(input, product, kind))
    await list.step('sev.vek-kind', () => checkVekKind(vek, kind, product))
    const path = await list.step('sev.vek-chain', () => checkVekChain(vek, kind, product, input))
    list.bound(path.validUntil)
    const entry = collateral.get(crlName(product, kind))?.body
    const crl = await checkRevocation(entry, path.path, now, list)
    const facts = await list.step('sev.vek-tcb', () => checkVekTcb(vek, product, tcb.reported))
    await list.step('sev.vek-chip', () => checkChip(facts, report))
    await list.step('sev.report-signature', () => checkReportSignature(report, vek))
    const chip = facts.hwid === undefined ? undefined : `amd:${product}:${hex(facts.hwid)}`
    return { technology: 'sev-snp', product, report, vek: facts, tcb, crl, chip }
  })
}

function checkSigner(report: SnpReport): VekKind {
  // A masked report carries a zero signature and a zero chip id.
  demand(!report.maskChipKey, 'masked-chip-key', 'MASK_CHIP_KEY is set')
  return kindOfReport(report)
}

function decodeTcbs(report: SnpReport, product: SevProduct): SevFacts['tcb'] {
  return {
    current: decodeTcb(report.currentTcb, product),
    reported: decodeTcb(report.reportedTcb, product),
    committed: decodeTcb(report.committedTcb, product),
    launch: decodeTcb(report.launchTcb, product),
  }
}

function findVek(
  { evidence, collateral }: SevProofInput,
  product: SevProduct,
  kind: VekKind,
): Certificate {
  if (evidence.vek !== undefined) return evidence.vek
  // Clouds hand a VLEK to the guest only; AMD publishes none.
  const entry = kind === 'vcek' ? collateral.get(vcekName(evidence.report, product)) : undefined
  demand(entry !== undefined, 'collateral-missing', `${kind.toUpperCase()} certificate`)
  return parseCertificate(entry.body)
}

function checkVekKind(vek: Certificate, kind: VekKind, product: SevProduct): void {
  demand(kindOfVek(vek) === kind, 'key-kind', `report is signed by a ${kind.toUpperCase()}`)
  checkVekName(vek)
  const named = productOfVek(vek)
  demand(named === product, 'product', `certificate is for ${named}, report for ${product}`)
}

async function checkVekChain(
  vek: Certificate,
  kind: VekKind,
  product: SevProduct,
  { anchors, evidence, now }: SevProofInput,
) {
  const root = anchors.find((anchor) => anchor.product === product)
  demand(root !== undefined, 'untrusted-root', `no root for ${product}`)
  const ark = anchorCertificate(root.ark)
  const pinned = kind === 'vcek' ? root.ask : root.asvk
  const authority =
    pinned === undefined
      ? evidence.chain.find((candidate) => sameName(candidate.subject, vek.issuer))
      : anchorCertificate(pinned)
  demand(authority !== undefined, 'chain', `no authority for ${kind.toUpperCase()} of ${product}`)
  const expected = `${AUTHORITY[kind]}${product}`
  demand(commonName(authority.subject) === expected, 'chain', `authority is not ${expected}`)
  const sized = authority.key.kind === 'rsa' && ark.key.kind === 'rsa'
  demand(sized && authority.key.bits >= ark.key.bits, 'chain', `${expected} has a weaker key`)
  const options = { anchors: [ark], now, algorithms: AMD_SIGNATURE, leaf: 'end-entity' } as const
  return verifyChain([vek, authority], options)
}

type List = Parameters<Parameters<typeof prove<typeof SEV_CHECKS, unknown>>[1]>[0]

/** Signature, issuer and entries here; whether an old or missing list will do is policy. */
async function checkRevocation(
  body: Bytes | undefined,
  path: readonly Certificate[],
  now: UnixSeconds,
  list: List,
): Promise<SevFacts['crl']> {
  if (body === undefined) {
    list.skip('sev.crl-signature', 'no revocation list at hand')
    list.skip('sev.not-revoked', 'no revocation list at hand')
    return { state: 'absent', number: 0n }
  }
  const crl = await list.step('sev.crl-signature', async () => {
    const parsed = parseCrl(body)
    const [issuer] = path.slice(-1)
    demand(issuer !== undefined, 'crl-signature', 'no root')
    await verifyCrlSignature(parsed, { issuer, algorithms: AMD_SIGNATURE })
    return parsed
  })
  await list.step('sev.not-revoked', () => {
    for (const certificate of path.slice(0, -1)) checkNotRevoked(crl, certificate)
  })
  const current = now >= crl.thisUpdate && now <= crl.nextUpdate
  // A list that ended binds nothing: policy either refuses it or does not count on its dates.
  if (current) list.bound(crl.nextUpdate)
  return { state: current ? 'current' : 'stale', number: crl.number ?? 0n }
}

function checkVekTcb(vek: Certificate, product: SevProduct, reported: SevTcb): VekFacts {
  const facts = readVek(vek, product)
  const differs = partsBelow(facts.tcb, reported).length + partsBelow(reported, facts.tcb).length
  demand(
    differs === 0,
    'tcb-binding',
    `certificate is for ${tcbText(facts.tcb)}, report says ${tcbText(reported)}`,
  )
  return facts
}

async function checkReportSignature(report: SnpReport, vek: Certificate): Promise<void> {
  // readVek has made sure of the curve.
  demand(vek.key.kind === 'ec', 'signature', 'VEK is not an EC key')
  const good = await verifyEcdsaRaw({
    curve: 'P-384',
    hash: 'SHA-384',
    point: vek.key.point,
    message: report.signed,
    signature: report.signature,
  })
  if (!good) throw new AttestationError('signature', 'report signature is bad')
}
