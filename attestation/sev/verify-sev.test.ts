import { beforeAll, describe, expect, test } from 'vitest'
import { unixSeconds } from '#base/brand.ts'
import { type Bytes, concat, fromHex } from '#base/bytes.ts'
import { type AmdForge, FORGED_TCBS, forgeAmd, forgedVcekName } from '#dev/forge/amd.ts'
import { type SnpReportFields, tcbBytes } from '#dev/forge/amd-report.ts'
import { amdName, type VekOptions } from '#dev/forge/amd-vek.ts'
import {
  basicConstraints,
  bits,
  type CrlFields,
  exportSigner,
  importSigner,
  int,
  makeSigner,
  octets,
  oid,
  type Signer,
  seq,
  writeCertificate,
} from '#dev/forge/der.ts'
import type { SevProduct, SevRoot } from '../anchors.ts'
import type { Check } from '../checks.ts'
import type { Collateral, CollateralEntry } from '../collateral/entry.ts'
import { AttestationError } from '../errors.ts'
import { appraiseSev } from './appraise.ts'
import { crlName, parseSevEvidence } from './evidence.ts'
import { DEFAULT_SEV_POLICY, type SevPolicy } from './policy.ts'
import { proveSev } from './prove.ts'
import type { SevTcb } from './tcb.ts'
import type { SevFloor } from './tcb-floors.ts'
import type { VekKind } from './vek.ts'

const NOW = 1_764_000_000
const YEAR = 31_536_000
const random = (length: number): Bytes => crypto.getRandomValues(new Uint8Array(length))
const forges = new Map<SevProduct, AmdForge>()
let stranger: Signer

beforeAll(async () => {
  for (const product of ['Milan', 'Genoa', 'Turin'] as const) {
    forges.set(product, await forgeAmd({ random, now: NOW, product }))
  }
  stranger = await makeSigner('rsa-pss-sha384')
})

function forgeOf(product: SevProduct): AmdForge {
  const forge = forges.get(product)
  if (forge === undefined) throw new Error(`no forge for ${product}`)
  return forge
}

interface Case {
  readonly product?: SevProduct
  readonly kind?: VekKind
  readonly report?: Partial<SnpReportFields>
  readonly vek?: VekOptions
  /** Replaces the certificate that travels with the evidence. */
  readonly vekBytes?: Bytes
  readonly withoutVek?: boolean
  /** The host's certificate table, in place of that certificate. */
  readonly table?: Bytes
  readonly crl?: (Partial<CrlFields> & { readonly signer?: Signer }) | 'absent' | Bytes
  readonly now?: number
  readonly root?: Partial<SevRoot>
  readonly chain?: readonly Bytes[]
  readonly policy?: Partial<SevPolicy>
  readonly collateral?: readonly CollateralEntry[]
}

// Sound: the types have no undefined member, with which a spread takes the pinned intermediate out.
const NO_ASK = { ask: undefined } as unknown as Partial<SevRoot>

const NO_TCB: SevTcb = { fmc: 0, bl: 0, tee: 0, snp: 0, ucode: 0 }
const ANY: SevFloor = {
  tcb: NO_TCB,
  ucodeBySilicon: 'any',
  firmware: { major: 0, minor: 0, build: 0 },
}
const POLICY: SevPolicy = {
  ...DEFAULT_SEV_POLICY,
  floors: { ...DEFAULT_SEV_POLICY.floors, Milan: ANY },
  cspIds: ['CN=cc-forged.example'],
}

/** Forges one piece of evidence and judges it; the checks of proof and appraisal in order. */
async function judge(item: Case): Promise<readonly Check[]> {
  const forge = forgeOf(item.product ?? 'Genoa')
  const kind = item.kind ?? 'vcek'
  const now = unixSeconds(item.now ?? NOW)
  const report = await forge.report({ kind, ...item.report })
  const vek =
    item.withoutVek || item.table !== undefined
      ? undefined
      : (item.vekBytes ?? (await forge.vek({ kind, ...item.vek })))
  const collateral: Map<string, CollateralEntry> = new Map(await crlEntry(forge, kind, item.crl))
  for (const entry of item.collateral ?? []) collateral.set(entry.name, entry)
  const evidence = parseSevEvidence({ report, vek, chain: item.chain, auxiliary: item.table })
  const root: SevRoot = { ...forge.root, ...item.root }
  const proof = await proveSev({ evidence, collateral, now, anchors: [root] })
  if (!proof.proven) return proof.checks
  return [...proof.checks, ...appraiseSev(proof.facts, { ...POLICY, ...item.policy })]
}

async function crlEntry(forge: AmdForge, kind: VekKind, given: Case['crl']): Promise<Collateral> {
  if (given === 'absent') return new Map()
  const body = given instanceof Uint8Array ? given : await forge.crl(given ?? {})
  const name = crlName(forge.product, kind)
  return new Map([[name, { name, body, headers: {}, fetchedAt: unixSeconds(NOW) }]])
}

const TABLE_GUIDS = {
  vcek: '8d75da6364e66445adc5f4b93be8accd',
  vlek: 'c24b07a85aa23e48aae639c045a0b8a1',
} as const

/** A host's certificate table of good certificates. */
async function hostsTable(...kinds: readonly VekKind[]): Promise<Bytes> {
  const forge = forgeOf('Genoa')
  const certificates = await Promise.all(kinds.map((kind) => forge.vek({ kind })))
  const head = new Uint8Array((kinds.length + 1) * 24)
  const view = new DataView(head.buffer)
  let end = head.length
  for (const [i, kind] of kinds.entries()) {
    const length = certificates[i]?.length ?? 0
    head.set(fromHex(TABLE_GUIDS[kind]), i * 24)
    view.setUint32(i * 24 + 16, end, true)
    view.setUint32(i * 24 + 20, length, true)
    end += length
  }
  return concat(head, ...certificates)
}

async function failuresOf(item: Case): Promise<string[]> {
  const checks = await judge(item)
  return checks.flatMap((check) => (check.status === 'fail' ? [`${check.id} ${check.code}`] : []))
}

/** Parsing fails before any check: the code under which the evidence is refused. */
async function parseCode(item: Case): Promise<string> {
  try {
    await judge(item)
  } catch (error) {
    if (error instanceof AttestationError) return error.code
    throw error
  }
  throw new Error('parsed')
}

describe('good evidence', () => {
  const kinds = ['vcek', 'vlek'] as const
  const versions = [2, 3, 5]
  const rows = (['Milan', 'Genoa', 'Turin'] as const).flatMap((product) =>
    kinds.flatMap((kind) => versions.map((version) => ({ product, kind, version }))),
  )

  test.each(rows.filter(({ product, version }) => product !== 'Turin' || version > 2))(
    '$product $kind, report version $version: every check passes',
    async ({ product, kind, version }) => {
      // Version 2 shows neither the alias check nor the silicon: a policy that takes it must say so.
      const floors = { Milan: ANY, Genoa: ANY }
      const policy: Partial<SevPolicy> = version === 2 ? { demandedPlatform: [], floors } : {}
      expect(await failuresOf({ product, kind, report: { version }, policy })).toEqual([])
    },
  )

  test('a version 4 report passes where a policy lists it', async () => {
    const report = { version: 4 }
    expect(await failuresOf({ report })).toEqual(['sev.version version'])
    expect(await failuresOf({ report, policy: { versions: [4] } })).toEqual([])
  })

  test('every SPL up to 255 is read, with its leading zero octet', async () => {
    const tcb = { fmc: 0, bl: 128, tee: 200, snp: 255, ucode: 255 }
    expect(await failuresOf({ report: { tcb }, vek: { tcb } })).toEqual([])
  })

  test.each(['Genoa', 'Genoa-B1'])('productName %s names Genoa', async (productName) => {
    expect(await failuresOf({ vek: { productName } })).toEqual([])
  })

  test('the chip id may be bare or an OCTET STRING', async () => {
    const wrap = (product: SevProduct, value: (hwid: Bytes) => Bytes): Case => ({
      product,
      vek: {
        extensions: (fields) =>
          fields.map((field) =>
            field.id.endsWith('3704.1.4')
              ? { ...field, value: value(forgeOf(product).hwid) }
              : field,
          ),
      },
    })
    expect(await failuresOf(wrap('Genoa', (hwid) => octets(hwid)))).toEqual([])
    expect(await failuresOf(wrap('Genoa', (hwid) => hwid))).toEqual([])
    expect(await failuresOf(wrap('Turin', (hwid) => octets(hwid)))).toEqual([])
    expect(await failuresOf(wrap('Turin', (hwid) => hwid))).toEqual([])
  })

  test('the VCEK may come as collateral, named by chip and reported TCB', async () => {
    const forge = forgeOf('Genoa')
    const name = forgedVcekName(forge, tcbBytes(forge.tcb, 'Genoa'))
    const body = await forge.vek()
    const entry = { name, body, headers: {}, fetchedAt: unixSeconds(NOW) }
    expect(await failuresOf({ withoutVek: true, collateral: [entry] })).toEqual([])
    expect(await failuresOf({ withoutVek: true })).toEqual(['sev.vek-present collateral-missing'])
  })

  test.each(['vcek', 'vlek'] as const)(
    'of a host’s table with a certificate of each kind, the one of the key that signed is taken: %s',
    async (kind) => {
      expect(await failuresOf({ kind, table: await hostsTable('vcek', 'vlek') })).toEqual([])
    },
  )

  test('a VCEK that the host’s table lacks is looked for as collateral, whatever else is there', async () => {
    const table = await hostsTable('vlek')
    expect(await failuresOf({ table })).toEqual(['sev.vek-present collateral-missing'])
  })

  test('an intermediate that is not pinned may travel, if it verifies under the pinned root', async () => {
    const forge = forgeOf('Genoa')
    const { ask: _, ...root } = forge.root
    const chain = forge.root.ask === undefined ? [] : [forge.root.ask]
    expect(root.ark).toBeDefined()
    expect(await failuresOf({ root: NO_ASK, chain })).toEqual([])
    expect(await failuresOf({ root: NO_ASK })).toEqual(['sev.vek-chain chain'])
  })

  test('the sister signature r, n - s is valid too: reports are not their own identifier', async () => {
    const order =
      0xffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973n
    const tamper = (report: Bytes): void => {
      const s = report.slice(0x2e8, 0x318).reverse()
      const value = s.reduce((sum, byte) => sum * 256n + BigInt(byte), 0n)
      let rest = order - value
      for (let at = 0x2e8; at < 0x318; at++, rest /= 256n) report[at] = Number(rest % 256n)
    }
    expect(await failuresOf({ report: { tamper } })).toEqual([])
  })
})

describe('each step of the proof fails alone, with its code', () => {
  const rows: readonly (readonly [title: string, item: Case, failure: string])[] = [
    ['a masked chip key', { report: { maskChipKey: true } }, 'sev.signer masked-chip-key'],
    ['signing key 7: unsigned', { report: { signingKey: 7 } }, 'sev.signer key-kind'],
    ['signing key 2: reserved', { report: { signingKey: 2 } }, 'sev.signer key-kind'],
    ['a VCEK report labelled VLEK', { report: { signingKey: 1 } }, 'sev.vek-kind key-kind'],
    [
      'a VLEK report labelled VCEK',
      { kind: 'vlek', report: { signingKey: 0 } },
      'sev.vek-kind key-kind',
    ],
    ['CPUID of another product', { report: { cpuid: [0x19, 1, 1] } }, 'sev.vek-kind product'],
    ['CPUID of Venice', { report: { cpuid: [0x1a, 0x50, 0] } }, 'sev.product product'],
    ['CPUID of no EPYC', { report: { cpuid: [0x17, 1, 1] } }, 'sev.product product'],
    [
      'a version 2 report of a Turin',
      { product: 'Turin', report: { version: 2 } },
      'sev.product product',
    ],
    [
      'a reserved TCB byte',
      { report: { patch: (bytes) => bytes.set([1], 0x182) } },
      'sev.tcb-format reserved-bits',
    ],
    [
      'a reserved TCB byte on Turin',
      { product: 'Turin', report: { patch: (bytes) => bytes.set([1], 0x1f5) } },
      'sev.tcb-format reserved-bits',
    ],
    ['no certificate', { withoutVek: true }, 'sev.vek-present collateral-missing'],
    [
      'no VLEK: AMD publishes none',
      { kind: 'vlek', withoutVek: true },
      'sev.vek-present collateral-missing',
    ],
    ['a certificate of another product', { vek: { productName: 'Milan' } }, 'sev.vek-kind product'],
    ['a product that does not exist', { vek: { productName: 'Genoax' } }, 'sev.vek-kind product'],
    [
      'a common name that is no VEK (trustee compares with "VCEK")',
      { vek: { fields: { subject: amdName('VCEK') } } },
      'sev.vek-kind key-kind',
    ],
    [
      'a name that is not AMD’s form',
      { vek: { fields: { subject: [['CN', 'SEV-VCEK']] } } },
      'sev.vek-kind chain',
    ],
    ['a certificate not yet valid', { now: NOW - 2 * 86_400 }, 'sev.vek-chain not-yet-valid'],
    ['an expired certificate', { now: NOW + 8 * YEAR }, 'sev.vek-chain expired'],
    [
      'a certificate one second before its time',
      { vek: { fields: { notBefore: NOW + 1 } } },
      'sev.vek-chain not-yet-valid',
    ],
    [
      'a certificate one second after its time',
      { vek: { fields: { notAfter: NOW - 1 } } },
      'sev.vek-chain expired',
    ],
    [
      'a certificate that is a CA',
      { vek: { extensions: (fields) => [...fields, basicConstraints(true)] } },
      'sev.vek-chain chain',
    ],
    [
      'an unknown critical extension',
      { vek: { extensions: (f) => [...f, { id: '1.2.3', critical: true, value: int(1) }] } },
      'sev.vek-chain chain',
    ],
    [
      'another issuer name',
      { vek: { fields: { issuer: amdName('SEV-Milan') } } },
      'sev.vek-chain chain',
    ],
    ['a revoked ASK', { crl: { revoked: [0x20001] } }, 'sev.not-revoked revocation'],
    ['a revoked ASVK', { kind: 'vlek', crl: { revoked: [0x30001] } }, 'sev.not-revoked revocation'],
    ['a revoked VEK', { crl: { revoked: [0] } }, 'sev.not-revoked revocation'],
    [
      'a revoked ASK on Turin',
      { product: 'Turin', crl: { revoked: [0x20001] } },
      'sev.not-revoked revocation',
    ],
    [
      'a revoked ASVK on Turin',
      { product: 'Turin', kind: 'vlek', crl: { revoked: [0x30001] } },
      'sev.not-revoked revocation',
    ],
    [
      'a revocation list of another root',
      { crl: { issuer: amdName('ARK-Milan') } },
      'sev.crl-signature crl-signature',
    ],
    ['a revocation list that is none', { crl: new Uint8Array(9) }, 'sev.crl-signature parse'],
    ['an empty revocation list', { crl: new Uint8Array() }, 'sev.crl-signature parse'],
    [
      'a critical extension in the list (an indirect CRL)',
      { crl: { extensions: [{ id: '2.5.29.28', critical: true, value: seq() }] } },
      'sev.crl-signature crl-signature',
    ],
    ['a certificate of another chip', { vek: { hwid: random(64) } }, 'sev.vek-chip hwid-binding'],
    [
      'a certificate of another chip on Turin',
      { product: 'Turin', vek: { hwid: random(8) } },
      'sev.vek-chip hwid-binding',
    ],
    [
      'a Turin chip id with a tail',
      { product: 'Turin', report: { patch: (bytes) => bytes.set([1], 0x1b0) } },
      'sev.vek-chip hwid-binding',
    ],
    ['a zero chip id', { report: { chipId: new Uint8Array(64) } }, 'sev.vek-chip hwid-binding'],
    [
      'zero chip ids on both sides',
      { report: { chipId: new Uint8Array(64) }, vek: { hwid: new Uint8Array(64) } },
      'sev.vek-chip hwid-binding',
    ],
    [
      'an altered measurement',
      { report: { tamper: (bytes) => bytes.set([1], 0x90) } },
      'sev.report-signature signature',
    ],
    [
      'a zero signature',
      { report: { tamper: (bytes) => bytes.fill(0, 0x2a0, 0x330) } },
      'sev.report-signature signature',
    ],
    [
      'r = n',
      { report: { tamper: (bytes) => bytes.set(ORDER_LE, 0x2a0) } },
      'sev.report-signature signature',
    ],
    [
      's = n',
      { report: { tamper: (bytes) => bytes.set(ORDER_LE, 0x2e8) } },
      'sev.report-signature signature',
    ],
  ]
  test.each(rows)('%s', async (_title, item, failure) => {
    expect(await failuresOf(item)).toEqual([failure])
  })

  const without = (suffix: string): VekOptions => ({
    extensions: (fields) => fields.filter(({ id }) => id !== `1.3.6.1.4.1.3704.1.${suffix}`),
  })
  test.each([
    ['1', 'tcb-binding'],
    ['3.1', 'tcb-binding'],
    ['3.2', 'tcb-binding'],
    ['3.3', 'tcb-binding'],
    ['3.4', 'tcb-binding'],
    ['3.5', 'tcb-binding'],
    ['3.8', 'tcb-binding'],
    ['4', 'hwid-binding'],
  ])('a VCEK without extension .%s', async (suffix, code) => {
    expect(await failuresOf({ vek: without(suffix) })).toEqual([`sev.vek-tcb ${code}`])
  })

  test('a VCEK without productName', async () => {
    expect(await failuresOf({ vek: without('2') })).toEqual(['sev.vek-kind tcb-binding'])
  })

  test('a Turin VCEK without FMC, and a Genoa VCEK with one', async () => {
    const bare = await failuresOf({ product: 'Turin', vek: without('3.9') })
    expect(bare).toEqual(['sev.vek-tcb tcb-binding'])
    const fmc = { id: '1.3.6.1.4.1.3704.1.3.9', value: int(1) }
    const extra = await failuresOf({ vek: { extensions: (fields) => [...fields, fmc] } })
    expect(extra).toEqual(['sev.vek-tcb tcb-binding'])
  })

  test('a VLEK without CSP id, with a chip id; a VCEK with a CSP id', async () => {
    const hwid = { id: '1.3.6.1.4.1.3704.1.4', value: random(64) }
    const csp = { id: '1.3.6.1.4.1.3704.1.5', value: octets(random(4)) }
    const cases: readonly [Case, string][] = [
      [{ kind: 'vlek', vek: without('5') }, 'sev.vek-tcb vlek-csp'],
      [{ kind: 'vlek', vek: { extensions: (f) => [...f, hwid] } }, 'sev.vek-tcb hwid-binding'],
      [{ vek: { extensions: (f) => [...f, csp] } }, 'sev.vek-tcb vlek-csp'],
    ]
    for (const [item, failure] of cases) expect(await failuresOf(item)).toEqual([failure])
  })

  const parts = ['bl', 'tee', 'snp', 'ucode', 'fmc'] as const
  test.each(parts)('a certificate for another %s', async (part) => {
    const product = part === 'fmc' ? 'Turin' : 'Genoa'
    for (const step of [-1, 1]) {
      const tcb = { ...FORGED_TCBS[product] }
      tcb[part] = Math.max(0, tcb[part] + (tcb[part] === 0 ? 1 : step))
      const failures = await failuresOf({ product, vek: { tcb } })
      expect(failures).toEqual(['sev.vek-tcb tcb-binding'])
    }
  })

  test('SPL 128 written without its zero octet is negative, and refused', async () => {
    const negative = Uint8Array.of(2, 1, 0x80)
    const tcb = { ...FORGED_TCBS.Genoa, snp: 128 }
    const extensions: VekOptions['extensions'] = (fields) =>
      fields.map((f) => (f.id.endsWith('.3.3') ? { ...f, value: negative } : f))
    expect(await failuresOf({ report: { tcb }, vek: { tcb } })).toEqual([])
    const failures = await failuresOf({ report: { tcb }, vek: { tcb, extensions } })
    expect(failures).toEqual(['sev.vek-tcb parse'])
  })

  test('the TCB is matched to reported, not to current (vector dstack)', async () => {
    const reported = { ...FORGED_TCBS.Genoa, snp: 24 }
    const report = { reportedTcb: reported }
    expect(await failuresOf({ report, vek: { tcb: reported } })).toEqual([])
    expect(await failuresOf({ report })).toEqual(['sev.vek-tcb tcb-binding'])
  })
})

describe('signatures and keys of the chain', () => {
  test('a certificate signed by a stranger', async () => {
    expect(await failuresOf({ vek: { signer: stranger } })).toEqual(['sev.vek-chain chain'])
  })

  test('a VCEK under the ASVK, and a VLEK under the ASK', async () => {
    const { asvk, ask } = forgeOf('Genoa').signers
    expect(await failuresOf({ vek: { signer: asvk } })).toEqual(['sev.vek-chain chain'])
    const vlek: Case = { kind: 'vlek', vek: { signer: ask } }
    expect(await failuresOf(vlek)).toEqual(['sev.vek-chain chain'])
    const named: Case = { vek: { signer: asvk, fields: { issuer: amdName('SEV-VLEK-Genoa') } } }
    expect(await failuresOf(named)).toEqual(['sev.vek-chain chain'])
  })

  test('a VCEK signed by another VCEK, which is no CA', async () => {
    const { vcek } = forgeOf('Genoa').signers
    const fields = { issuer: amdName('SEV-VCEK') }
    expect(await failuresOf({ vek: { signer: vcek, fields } })).toEqual(['sev.vek-chain chain'])
  })

  test('a self-made root with AMD’s names is not AMD’s', async () => {
    const other = await forgeAmd({ random, now: NOW })
    const vekBytes = await other.vek({ hwid: forgeOf('Genoa').hwid })
    const chain = [other.root.ask, other.root.ark].filter((der) => der !== undefined)
    expect(await failuresOf({ vekBytes, chain })).toEqual(['sev.vek-chain chain'])
    const failures = await failuresOf({ vekBytes, chain, root: NO_ASK })
    expect(failures).toEqual(['sev.vek-chain chain'])
  })

  test('another product’s pinned chain', async () => {
    const { product: _, ...milan } = forgeOf('Milan').root
    expect(await failuresOf({ root: milan })).toEqual(['sev.vek-chain chain'])
  })

  test('PKCS #1 v1.5 by the very ASK, PSS parameters other than SHA-384 and 48', async () => {
    const ask = await exportSigner(forgeOf('Genoa').signers.ask)
    const pkcs1 = await importSigner({ ...ask, kind: 'rsa-pkcs1-sha256' })
    expect(await failuresOf({ vek: { signer: pkcs1 } })).toEqual(['sev.vek-chain chain'])
    const sha256 = seq(oid('2.16.840.1.101.3.4.2.1'))
    const pss = (...parameters: Bytes[]): Bytes =>
      seq(oid('1.2.840.113549.1.1.10'), seq(...parameters))
    for (const innerAlgorithm of [pss(), pss(seq(sha256)), seq(oid('1.2.840.113549.1.1.10'))]) {
      expect(await parseCode({ vek: { fields: { innerAlgorithm } } })).toBe('chain')
    }
    const { identifier } = forgeOf('Genoa').signers.ask
    const salt20 = Uint8Array.from(identifier)
    salt20.set([20], salt20.lastIndexOf(48))
    expect(await parseCode({ vek: { fields: { innerAlgorithm: salt20 } } })).toBe('chain')
  })

  test('two different algorithm identifiers inside and outside the signed part', async () => {
    const outerAlgorithm = seq(oid('1.2.840.10045.4.3.3'))
    expect(await parseCode({ vek: { fields: { outerAlgorithm } } })).toBe('chain')
  })

  test('a VEK on another curve', async () => {
    const { spki } = await makeSigner('ecdsa-p256-sha256')
    expect(await failuresOf({ vek: { fields: { spki } } })).toEqual(['sev.vek-tcb chain'])
  })

  test('a VEK key off its curve', async () => {
    const point = Uint8Array.from(forgeOf('Genoa').signers.vcek.point)
    point.set([(point[96] ?? 0) ^ 1], 96)
    const spki = seq(seq(oid('1.2.840.10045.2.1'), oid('1.3.132.0.34')), bits(point))
    expect(await failuresOf({ vek: { fields: { spki } } })).toEqual([
      'sev.report-signature signature',
    ])
  })

  test('an authority with a weaker key than the root’s', async () => {
    const forge = forgeOf('Genoa')
    const pair = await crypto.subtle.generateKey(
      {
        name: 'RSA-PSS',
        hash: 'SHA-384',
        modulusLength: 1024,
        publicExponent: Uint8Array.of(1, 0, 1),
      },
      true,
      ['sign', 'verify'],
    )
    const fields = {
      serial: 2,
      issuer: amdName('ARK-Genoa'),
      subject: amdName('SEV-Genoa'),
      notBefore: NOW - 1,
      notAfter: NOW + YEAR,
      spki: new Uint8Array(await crypto.subtle.exportKey('spki', pair.publicKey)),
      extensions: [basicConstraints(true, 0)],
    }
    const ask = await writeCertificate(fields, forge.signers.ark)
    expect(await failuresOf({ root: { ask } })).toEqual(['sev.vek-chain chain'])
  })

  test('a root or authority outside its time', async () => {
    const late = NOW + 26 * YEAR
    const fields = { notAfter: late + YEAR }
    expect(await failuresOf({ now: late, vek: { fields } })).toEqual(['sev.vek-chain expired'])
    const early = NOW - 2 * YEAR
    const old = { notBefore: early - YEAR }
    expect(await failuresOf({ now: early, vek: { fields: old } })).toEqual([
      'sev.vek-chain not-yet-valid',
    ])
  })

  test('a revocation list signed by the ASK, or by a stranger with the root’s name', async () => {
    for (const signer of [forgeOf('Genoa').signers.ask, stranger]) {
      expect(await failuresOf({ crl: { signer } })).toEqual(['sev.crl-signature crl-signature'])
    }
  })

  test('an extension twice', async () => {
    const extensions: VekOptions['extensions'] = (fields) => [...fields, ...fields.slice(2, 3)]
    expect(await parseCode({ vek: { extensions } })).toBe('parse')
  })
})

describe('each rule of the policy fails alone, with its code', () => {
  const floor = (part: string, value: number): Partial<SevPolicy> => ({
    floors: {
      Genoa: {
        tcb: { ...NO_TCB, [part]: value },
        ucodeBySilicon: 'any',
        firmware: { major: 1, minor: 55, build: 0 },
      },
    },
  })
  const lower = (part: 'bl' | 'snp' | 'ucode') => {
    return { ...FORGED_TCBS.Genoa, [part]: FORGED_TCBS.Genoa[part] - 1 }
  }
  const higher = { ...FORGED_TCBS.Genoa, ucode: FORGED_TCBS.Genoa.ucode + 1 }
  const bit = (n: number): bigint => 0x30000n | (1n << BigInt(n))
  const rows: readonly (readonly [title: string, item: Case, failure: string])[] = [
    ['no revocation list', { crl: 'absent' }, 'sev.crl crl-missing'],
    ['a list past its next update', { crl: { nextUpdate: NOW - 1 } }, 'sev.crl crl-expired'],
    ['a list from the future', { crl: { thisUpdate: NOW + 1 } }, 'sev.crl crl-expired'],
    ['a list below the floor', { crl: { number: 3 } }, 'sev.crl-number crl-rollback'],
    [
      'DEBUG (bit 19), although the signature is good',
      { report: { policy: bit(19) } },
      'sev.debug policy-debug',
    ],
    ['MIGRATE_MA (bit 18)', { report: { policy: bit(18) } }, 'sev.migration policy-migrate'],
    ['bit 17 clear', { report: { policy: 0x10000n } }, 'sev.guest-policy-reserved reserved-bits'],
    ['bit 26 set', { report: { policy: bit(26) } }, 'sev.guest-policy-reserved reserved-bits'],
    ['bit 63 set', { report: { policy: bit(63) } }, 'sev.guest-policy-reserved reserved-bits'],
    [
      'SMT permitted',
      { policy: { forbiddenPermissions: ['smt'] } },
      'sev.guest-policy policy-bits',
    ],
    [
      'CXL permitted',
      { report: { policy: bit(21) }, policy: { forbiddenPermissions: ['cxl'] } },
      'sev.guest-policy policy-bits',
    ],
    [
      'SINGLE_SOCKET missing',
      { policy: { demandedRestrictions: ['singleSocket'] } },
      'sev.guest-policy policy-bits',
    ],
    [
      'ciphertext hiding missing',
      { policy: { demandedRestrictions: ['ciphertextHiding'] } },
      'sev.guest-policy policy-bits',
    ],
    ['ABI too old', { policy: { minAbi: { major: 1, minor: 0 } } }, 'sev.abi abi-version'],
    [
      'alias check not complete (BadRAM)',
      { report: { platformInfo: 0x05n } },
      'sev.alias-check alias-check',
    ],
    [
      'a version that cannot show it',
      { report: { version: 2 }, policy: { floors: { Genoa: ANY } } },
      'sev.alias-check alias-check',
    ],
    [
      'TSME demanded and off',
      { policy: { demandedPlatform: ['aliasCheckComplete', 'tsme'] } },
      'sev.platform-info platform-info',
    ],
    [
      'SMT forbidden and on',
      { policy: { forbiddenPlatform: ['smt'] } },
      'sev.platform-info platform-info',
    ],
    ['VMPL 1', { report: { vmpl: 1 } }, 'sev.vmpl vmpl'],
    [
      'a mitigation missing at launch',
      {
        report: { launchMitigations: 1n, currentMitigations: 3n },
        policy: { demandedMitigations: 2n },
      },
      'sev.mitigations mitigation',
    ],
    [
      'a mitigation missing now',
      {
        report: { launchMitigations: 3n, currentMitigations: 1n },
        policy: { demandedMitigations: 2n },
      },
      'sev.mitigations mitigation',
    ],
    [
      'mitigations demanded of a version without them',
      { report: { version: 3 }, policy: { demandedMitigations: 1n } },
      'sev.mitigations mitigation',
    ],
    ['guest SVN too low', { policy: { minGuestSvn: 1 } }, 'sev.guest-svn tcb-floor'],
    [
      'a VLEK of a cloud that is not pinned',
      { kind: 'vlek', policy: { cspIds: [] } },
      'sev.vlek-csp vlek-csp',
    ],
    [
      'host data that differs',
      { policy: { pins: [{ field: 'hostData', values: ['ff'.repeat(32)] }] } },
      'sev.pins pin-mismatch',
    ],
    ['a product without floor', { policy: { floors: {} } }, 'sev.tcb-floor tcb-floor'],
    ['boot loader below the floor', { policy: floor('bl', 11) }, 'sev.tcb-floor tcb-floor'],
    ['SNP firmware below the floor', { policy: floor('snp', 26) }, 'sev.tcb-floor tcb-floor'],
    ['microcode below the floor', { policy: floor('ucode', 85) }, 'sev.tcb-floor tcb-floor'],
    [
      'a TCB loaded and not committed',
      { report: { currentTcb: higher } },
      'sev.firmware-committed provisional',
    ],
    [
      'firmware loaded and not committed',
      { report: { current: [1, 55, 44] } },
      'sev.firmware-committed provisional',
    ],
    [
      'reported above committed: no firmware does that',
      {
        report: { committedTcb: lower('snp'), currentTcb: lower('snp'), launchTcb: lower('snp') },
      },
      'sev.tcb-order tcb-order',
    ],
  ]
  test.each(rows)('%s', async (title, item, failure) => {
    const failures = await failuresOf(item)
    // A product without floor has neither of the two.
    const expected = title.includes('without floor')
      ? [failure, 'sev.firmware-floor tcb-floor']
      : [failure]
    expect(failures).toEqual(expected)
  })

  test('Milan, whose reports can be forged by software, unless a policy gives it a floor', async () => {
    const item: Case = { product: 'Milan', policy: { floors: DEFAULT_SEV_POLICY.floors } }
    const detail = ['sev.tcb-floor tcb-floor', 'sev.firmware-floor tcb-floor']
    expect(await failuresOf(item)).toEqual(detail)
  })

  test('microcode by silicon: Genoa-X and Bergamo count from elsewhere, unknown silicon is refused', async () => {
    const at = async (cpuid: [number, number, number], ucode: number): Promise<string[]> => {
      const tcb = { ...FORGED_TCBS.Genoa, ucode }
      return failuresOf({ report: { cpuid, tcb }, vek: { tcb } })
    }
    const below = ['sev.tcb-floor tcb-floor']
    expect(await at([0x19, 0x11, 1], 0x53)).toEqual(below)
    expect(await at([0x19, 0x11, 2], 0x4f)).toEqual([])
    expect(await at([0x19, 0xa0, 2], 0x19)).toEqual([])
    expect(await at([0x19, 0xa0, 2], 0x18)).toEqual(below)
    expect(await at([0x19, 0x1f, 9], 0xff)).toEqual(below)
  })

  test('committed firmware below the floor', async () => {
    const policy = floor('bl', 0)
    const report: Partial<SnpReportFields> = { committed: [1, 54, 99], current: [1, 54, 99] }
    expect(await failuresOf({ policy, report })).toEqual(['sev.firmware-floor tcb-floor'])
  })

  test('launch TCB below the floor: memory was set up by old firmware', async () => {
    const launchTcb = { ...FORGED_TCBS.Genoa, ucode: 10 }
    const failures = await failuresOf({ report: { launchTcb } })
    expect(failures).toContain('sev.tcb-floor tcb-floor')
  })

  test('every rule is collected, not only the first', async () => {
    const report = { policy: bit(19), vmpl: 2, platformInfo: 0n }
    expect(await failuresOf({ report, crl: 'absent' })).toEqual([
      'sev.crl crl-missing',
      'sev.debug policy-debug',
      'sev.alias-check alias-check',
      'sev.vmpl vmpl',
    ])
  })

  test('what a policy relaxes is skipped with a reason, never passed', async () => {
    const checks = await judge({
      crl: 'absent',
      report: { current: [1, 55, 44] },
      policy: { crl: 'unchecked', allowProvisionalFirmware: true, demandedPlatform: [] },
    })
    const skipped = checks.filter(({ status }) => status === 'skip').map(({ id }) => id)
    expect(skipped).toEqual(
      expect.arrayContaining(['sev.crl', 'sev.firmware-committed', 'sev.alias-check']),
    )
    expect(checks.some(({ status }) => status === 'fail')).toBe(false)
  })
})

describe('a proof ends', () => {
  test('with the first of certificate and revocation list to end', async () => {
    const forge = forgeOf('Genoa')
    const proofOf = async (notAfter: number, nextUpdate: number) => {
      const evidence = parseSevEvidence({
        report: await forge.report(),
        vek: await forge.vek({ fields: { notAfter } }),
      })
      const collateral = await crlEntry(forge, 'vcek', { nextUpdate })
      const now = unixSeconds(NOW)
      const proof = await proveSev({ evidence, collateral, now, anchors: [forge.root] })
      return proof.proven ? proof.validUntil : undefined
    }
    expect(await proofOf(NOW + 50, NOW + 60)).toBe(NOW + 50)
    expect(await proofOf(NOW + 60, NOW + 50)).toBe(NOW + 50)
  })
})

/** The order of P-384 as 48 little-endian bytes. */
const ORDER_LE = Uint8Array.from(
  (
    'ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973'.match(
      /../g,
    ) ?? []
  ).map((pair) => Number.parseInt(pair, 16)),
).reverse()
