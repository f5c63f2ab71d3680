import { describe, expect, test } from 'vitest'
import { FORGED_TCBS } from '#dev/forge/amd.ts'
import { amdName, type VekOptions } from '#dev/forge/amd-vek.ts'
import { basicConstraints, int, octets, seq } from '#dev/forge/der.ts'
import { type Case, failuresOf, NOW, random, useForges, YEAR } from './testing/judge-sev.ts'

useForges()

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

/** The order of P-384 as 48 little-endian bytes. */
const ORDER_LE = Uint8Array.from(
  (
    'ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973'.match(
      /../g,
    ) ?? []
  ).map((pair) => Number.parseInt(pair, 16)),
).reverse()
