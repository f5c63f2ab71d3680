import type { Bytes } from '#base/bytes.ts'
import { utf8 } from '#base/bytes.ts'
import { type AmdForge, FORGED_TCBS, forgeAmd } from '../amd.ts'
import { amdName, type VekOptions } from '../amd-vek.ts'
import type { SnpReportFields } from '../amd-report.ts'
import { type CrlFields, makeSigner, pem, type Signer } from '../der.ts'
import type { ForgedVectors, ManifestVector } from './vector-set.ts'

type Product = AmdForge['product']

/** One forged SNP vector: what is broken, and the class under which it must be refused. */
interface Recipe {
  readonly id: string
  readonly what: string
  readonly product?: Product
  readonly kind?: 'vcek' | 'vlek'
  readonly reject?: string
  readonly waive?: readonly string[]
  readonly report?: Partial<SnpReportFields>
  readonly vek?: VekOptions
  readonly crl?: (Partial<CrlFields> & { readonly signer?: Signer }) | 'absent'
  /** Seconds added to the clock. */
  readonly later?: number
}

const YEAR_SECONDS = 31_536_000
const CSP = 'CN=cc-forged.example'

function recipes(stranger: Signer): readonly Recipe[] {
  const higher = { ...FORGED_TCBS.Genoa, ucode: FORGED_TCBS.Genoa.ucode + 1 }
  return [
    {
      id: 'good-milan',
      what: 'Milan version 3, VCEK',
      product: 'Milan',
      report: { version: 3 },
      waive: ['tcb-floor'],
    },
    { id: 'milan-without-floor', what: 'Milan has no default floor', product: 'Milan', reject: 'tcb-floor' },
    { id: 'good-genoa', what: 'Genoa version 5, VCEK' },
    { id: 'good-turin', what: 'Turin version 5: FMC, 8-byte chip id', product: 'Turin' },
    { id: 'good-genoa-vlek', what: 'VLEK on Genoa', kind: 'vlek', waive: ['vlek-csp'] },
    { id: 'good-turin-vlek', what: 'VLEK on Turin', product: 'Turin', kind: 'vlek', waive: ['vlek-csp'] },
    { id: 'good-version-4', what: 'version 4 by policy', report: { version: 4 }, waive: ['snp-version-4'] },
    { id: 'vlek-unpinned', what: 'VLEK without a CSP pin', kind: 'vlek', reject: 'vlek-csp' },
    { id: 'version-4', what: 'version 4 is opt-in', report: { version: 4 }, reject: 'version' },
    { id: 'debug', what: 'guest policy allows debugging', report: { policy: 0xb0000n }, reject: 'policy-debug' },
    { id: 'migrate', what: 'guest policy allows migration', report: { policy: 0x70000n }, reject: 'policy-migrate' },
    { id: 'policy-reserved', what: 'guest policy bit 26', report: { policy: 0x4030000n }, reject: 'reserved-bits' },
    { id: 'vmpl-1', what: 'report taken at VMPL 1', report: { vmpl: 1 }, reject: 'vmpl' },
    { id: 'provisional', what: 'TCB loaded, not committed', report: { currentTcb: higher }, reject: 'provisional' },
    { id: 'alias-check', what: 'alias check not complete', report: { platformInfo: 5n }, reject: 'pin-mismatch' },
    { id: 'masked', what: 'MASK_CHIP_KEY', report: { maskChipKey: true }, reject: 'signature' },
    {
      id: 'altered',
      what: 'measurement altered after signing',
      report: { tamper: (bytes) => bytes.set([1], 0x90) },
      reject: 'signature',
    },
    {
      id: 'malleable-tail',
      what: 'unsigned reserved byte set',
      report: { tamper: (bytes) => bytes.set([1], 0x49f) },
      reject: 'parse',
    },
    { id: 'other-chip', what: 'VCEK of another chip', vek: { hwid: new Uint8Array(64).fill(1) }, reject: 'hwid-binding' },
    { id: 'other-tcb', what: 'VCEK for another TCB', vek: { tcb: higher }, reject: 'tcb-binding' },
    { id: 'vek-by-stranger', what: 'VCEK signed by another key', vek: { signer: stranger }, reject: 'chain' },
    { id: 'vek-expired', what: 'eight years later', later: 8 * YEAR_SECONDS, reject: 'expired' },
    { id: 'ask-revoked', what: 'ASK on the list', crl: { revoked: [0x20001] }, reject: 'revocation' },
    {
      id: 'asvk-revoked',
      what: 'ASVK on the list',
      kind: 'vlek',
      waive: ['vlek-csp'],
      crl: { revoked: [0x30001] },
      reject: 'revocation',
    },
    { id: 'vek-revoked', what: 'VEK on the list', crl: { revoked: [0] }, reject: 'revocation' },
    {
      id: 'turin-ask-revoked',
      what: 'Turin’s ASK on the list',
      product: 'Turin',
      crl: { revoked: [0x20001] },
      reject: 'revocation',
    },
    { id: 'crl-by-stranger', what: 'list signed by another key', crl: { signer: stranger }, reject: 'crl-signature' },
    { id: 'crl-other-root', what: 'list of Milan', crl: { issuer: amdName('ARK-Milan') }, reject: 'crl-signature' },
    { id: 'crl-expired', what: 'two years later', later: 2 * YEAR_SECONDS, reject: 'crl-expired' },
    { id: 'crl-missing', what: 'no list', crl: 'absent', reject: 'crl-signature' },
  ]
}

/** Forges the SNP vectors: every file once, roots shared by product. */
export async function amdVectors(options: {
  readonly now: number
  readonly random: (length: number) => Bytes
}): Promise<ForgedVectors> {
  const forges = new Map<Product, AmdForge>()
  const files = new Map<string, Bytes>()
  for (const product of ['Milan', 'Genoa', 'Turin'] as const) {
    const forge = await forgeAmd({ ...options, product })
    forges.set(product, forge)
    const { ark, ask, asvk } = forge.root
    files.set(`sev-snp/roots/${product}-ark.der`, ark)
    const chain = [ask, asvk].flatMap((der) => (der === undefined ? [] : [pem(der)]))
    files.set(`sev-snp/roots/${product}-chain.pem`, utf8(chain.join('')))
  }
  const stranger = await makeSigner('rsa-pss-sha384')
  const vectors: ManifestVector[] = []
  for (const recipe of recipes(stranger)) {
    const forge = forges.get(recipe.product ?? 'Genoa')
    if (forge === undefined) throw new Error('no forge')
    vectors.push(await forgeVector(recipe, forge, options.now, files))
  }
  return { vectors, files }
}

async function forgeVector(
  recipe: Recipe,
  forge: AmdForge,
  now: number,
  files: Map<string, Bytes>,
): Promise<ManifestVector> {
  const { kind = 'vcek', crl = {}, reject } = recipe
  const folder = `sev-snp/${recipe.id}`
  const root = `sev-snp/roots/${forge.product}`
  const roles: Record<string, string> = {
    [`${folder}/report.bin`]: 'report',
    [`${folder}/${kind}.der`]: kind,
    [`${root}-chain.pem`]: 'evidence_chain_pem',
    [`${root}-ark.der`]: 'test_root',
  }
  files.set(`${folder}/report.bin`, await forge.report({ kind, ...recipe.report }))
  files.set(`${folder}/${kind}.der`, await forge.vek({ kind, ...recipe.vek }))
  if (crl !== 'absent') {
    roles[`${folder}/crl.der`] = 'crl'
    files.set(`${folder}/crl.der`, await forge.crl({ kind, ...crl }))
  }
  return {
    id: `forged-snp-${recipe.id}`,
    technology: 'sev-snp',
    subject: 'report',
    what: recipe.what,
    verdict: reject === undefined ? 'valid' : 'invalid',
    clock: new Date((now + (recipe.later ?? 0)) * 1000).toISOString(),
    reject: reject === undefined ? null : [reject],
    waive: ['measurement-pin', 'report-data-pin', ...(recipe.waive ?? [])],
    anchors: `${root}-ark.der`,
    roles,
    encoding: {},
    expect: kind === 'vlek' ? { product: forge.product, csp_id: CSP } : { product: forge.product },
  }
}
