import { beforeAll, describe, expect, test } from 'vitest'
import { type Bytes, hex, utf8 } from '#base/bytes.ts'
import { basicConstraints, int, makeSigner, octets, pem, type Signer, seq } from '#dev/forge/der.ts'
import type { IntelForge } from '#dev/forge/intel.ts'
import { intelName, type PckOptions } from '#dev/forge/intel-certificates.ts'
import { pckEntry } from '#dev/forge/intel-pck.ts'
import { type Case, NOW, outcomeOf, random, tdxForge } from './testing/judge.ts'

const DAY = 86_400
const YEAR = 365 * DAY

let forge: IntelForge
let stranger: Signer

beforeAll(async () => {
  forge = await tdxForge()
  stranger = await makeSigner('ecdsa-p256-sha256')
})

const outcome = (item: Case): Promise<string[]> => outcomeOf(forge, item)

async function withChain(options: PckOptions): Promise<Case> {
  return { quote: { certification: utf8(await forge.pckChain(options)) } }
}

describe('the PCK chain', () => {
  const CHAIN = 'tdx.pck-chain chain'
  const without = (suffix: string): PckOptions => ({
    entries: (entries) => {
      const prefix = pckEntry(suffix, int(0)).slice(2, -3)
      return entries.filter((entry) => !hex(entry).includes(`${hex(prefix)}`))
    },
  })
  const rows: readonly (readonly [title: string, options: () => PckOptions, failure: string])[] = [
    ['signed by a stranger', () => ({ signer: stranger }), CHAIN],
    ['signed by the TCB signer', () => ({ signer: forge.signers.tcbSigning }), CHAIN],
    ['named otherwise', () => ({ fields: { subject: intelName('Intel SGX QE') } }), CHAIN],
    ['of an unknown issuer', () => ({ fields: { issuer: intelName('Intel CA') } }), 'form chain'],
    [
      'that says another authority',
      () => ({ fields: { issuer: intelName('Intel SGX PCK Processor CA') } }),
      CHAIN,
    ],
    [
      'one second before its time',
      () => ({ fields: { notBefore: NOW + 1 } }),
      'tdx.pck-chain not-yet-valid',
    ],
    [
      'one second after its time',
      () => ({ fields: { notAfter: NOW - 1 } }),
      'tdx.pck-chain expired',
    ],
    [
      'that is a CA',
      () => ({
        extensions: (f) => f.map((e) => (e.id === '2.5.29.19' ? basicConstraints(true) : e)),
      }),
      CHAIN,
    ],
    [
      'with an unknown critical extension',
      () => ({ extensions: (f) => [...f, { id: '1.2.3', critical: true, value: int(1) }] }),
      CHAIN,
    ],
    [
      'without the SGX extension',
      () => ({ extensions: (f) => f.filter(({ id }) => !id.startsWith('1.2.840')) }),
      'form chain',
    ],
    [
      'with an SGX extension that is none',
      () => ({
        extensions: (f) => f.map((e) => (e.id.startsWith('1.2.840') ? { ...e, value: int(1) } : e)),
      }),
      'form parse',
    ],
    ['with a field twice', () => ({ entries: (e) => [...e, ...e.slice(0, 1)] }), 'form parse'],
    [
      'with a field of another extension',
      () => ({ entries: (e) => [...e, seq(...[pckEntry('1', int(0)).slice(2)])] }),
      'form parse',
    ],
    ['without a PPID', () => without('1'), 'form parse'],
    ['without a TCB', () => without('2'), 'form parse'],
    ['without a PCE id', () => without('3'), 'form parse'],
    ['without an FMSPC', () => without('4'), 'form parse'],
    [
      'with 15 components',
      () => ({ pck: { tcb: { ...forge.tcb, components: forge.tcb.components.slice(1) } } }),
      'form parse',
    ],
    [
      'with 17 components',
      () => ({ pck: { tcb: { ...forge.tcb, components: [...forge.tcb.components, 0] } } }),
      'form parse',
    ],
    [
      'with a component above 255',
      () => ({
        entries: (e) =>
          e.map((entry, i) => (i === 1 ? pckEntry('2', seq(pckEntry('2.1', int(256)))) : entry)),
      }),
      'form parse',
    ],
    ['with an FMSPC of 5 bytes', () => ({ pck: { fmspc: '00'.repeat(5) } }), 'form parse'],
    ['with a PPID of 15 bytes', () => ({ pck: { ppid: random(15) } }), 'form parse'],
  ]
  test.each(rows)('with a certificate %s', async (_title, options, failure) => {
    expect(await outcome(await withChain(options()))).toEqual([failure])
  })

  test('in another order, cut, too long, or with another root is refused', async () => {
    const leaf = pem(await forge.pck())
    const authority = pem(await forge.authorityCertificate())
    const root = pem(forge.root)
    const other = pem((await tdxForge()).root)
    const rows: readonly (readonly [string, string])[] = [
      [authority + leaf + root, 'form chain'],
      [leaf + root, 'form chain'],
      [leaf + authority, 'form chain'],
      [leaf + root + authority, 'tdx.pck-chain chain'],
      [leaf + authority + root + root, 'form parse'],
      [leaf + authority + other, 'tdx.pck-chain untrusted-root'],
      [`${leaf}x${authority}${root}`, 'form parse'],
    ]
    for (const [text, failure] of rows) {
      expect(await outcome({ quote: { certification: utf8(text) } })).toEqual([failure])
    }
  })

  test('an embedded root that differs in one byte from the pinned one is refused', async () => {
    const root = forge.root.slice()
    root.set([(root[root.length - 1] ?? 0) ^ 1], root.length - 1)
    const text = pem(await forge.pck()) + pem(await forge.authorityCertificate()) + pem(root)
    const failures = await outcome({ quote: { certification: utf8(text) } })
    expect(failures).toEqual(['tdx.pck-chain untrusted-root'])
  })

  test('an authority under another root, outside its dates, or no CA is refused', async () => {
    const leaf = pem(await forge.pck())
    const text = async (authority: Promise<Bytes>): Promise<Case> => ({
      quote: { certification: utf8(leaf + pem(await authority) + pem(forge.root)) },
    })
    const rows: readonly (readonly [Promise<Bytes>, string])[] = [
      [forge.authorityCertificate({}, stranger), 'chain'],
      [forge.authorityCertificate({ notAfter: NOW - 1 }), 'expired'],
      [forge.authorityCertificate({ notBefore: NOW + 1 }), 'not-yet-valid'],
      [forge.authorityCertificate({ extensions: [basicConstraints(false)] }), 'chain'],
      [forge.authorityCertificate({ subject: intelName('Intel SGX PCK Processor CA') }), 'chain'],
    ]
    for (const [authority, code] of rows) {
      expect(await outcome(await text(authority))).toEqual([`tdx.pck-chain ${code}`])
    }
  })

  test('production refuses development roots (H17)', async () => {
    const { INTEL_ROOTS } = await import('./roots.ts')
    expect(await outcome({ anchors: INTEL_ROOTS })).toEqual(['tdx.pck-chain untrusted-root'])
    expect(await outcome({ anchors: [] })).toEqual(['tdx.pck-chain untrusted-root'])
  })
})

test('the PCK’s octets are read as they are', async () => {
  const value = octets(random(16))
  const entries: PckOptions['entries'] = (list) => [pckEntry('1', value), ...list.slice(1)]
  expect(await outcome(await withChain({ entries }))).toEqual([])
  const expired = await outcome({ now: NOW + 8 * YEAR })
  expect(expired).toEqual(['tdx.pck-chain expired'])
})
