import { beforeAll, describe, expect, test } from 'vitest'
import { type Bytes, concat, fromHex, hex, utf8 } from '#base/bytes.ts'
import { makeSigner, type Signer } from '#dev/forge/der.ts'
import { type IntelForge, openIntelForge } from '#dev/forge/intel.ts'
import {
  type Case,
  entryOf,
  failuresOf,
  judge,
  NOW,
  outcomeOf,
  random,
  tdxForge,
} from './testing/judge.ts'

const DAY = 86_400

let forge: IntelForge
let stranger: Signer

beforeAll(async () => {
  forge = await tdxForge()
  stranger = await makeSigner('ecdsa-p256-sha256')
})

const outcome = (item: Case): Promise<string[]> => outcomeOf(forge, item)

describe('good evidence', () => {
  test.each([
    ['version 4', {}],
    ['version 5, TDX 1.0', { version: 5, format: '1.0' }],
    ['version 5, TDX 1.5', { version: 5 }],
  ] as const)('%s: every check passes', async (_title, quote) => {
    const { checks, facts } = await judge(forge, { quote })
    expect(checks.filter(({ status }) => status === 'fail')).toEqual([])
    expect(facts?.tcb.status).toBe('UpToDate')
    expect(facts?.platform).toBe(`intel:${forge.fmspc}:${hex(forge.ppid)}`)
  })

  test('a machine of the Processor CA is judged by that authority’s list', async () => {
    const processor = await tdxForge('processor')
    expect(await failuresOf(processor, {})).toEqual([])
  })

  test('the quoting enclave’s data may have any length, also none', async () => {
    for (const length of [0, 1, 31, 33, 1_000]) {
      expect(await outcome({ quote: { qeAuthData: random(length) } })).toEqual([])
    }
  })

  test('bytes after the declared end are counted and otherwise ignored', async () => {
    for (const trailing of [new Uint8Array(70), Uint8Array.of(1, 2, 3)]) {
      const { checks, facts } = await judge(forge, { quote: { trailing } })
      expect(checks.some(({ status }) => status === 'fail')).toBe(false)
      expect(facts?.trailing).toEqual({ bytes: trailing.length, nonZero: trailing.length === 3 })
    }
  })

  test('a verdict ends with the first thing that it relied on', async () => {
    const { validUntil } = await judge(forge, {})
    expect(validUntil).toBe(NOW + 29 * DAY)
    const early = {
      tcbInfo: (info: { nextUpdate: string }): void => {
        info.nextUpdate = new Date((NOW + DAY) * 1000).toISOString().replace('.000', '')
      },
    }
    expect((await judge(forge, early)).validUntil).toBe(NOW + DAY)
  })

  test('a forge crosses a process boundary as plain data', async () => {
    const reopened = await openIntelForge(structuredClone(await forge.export()))
    const quote = await reopened.quote()
    expect(await failuresOf(forge, { quote })).toEqual([])
  })

  test('the root’s list may come as the hex text that PCCS serves', async () => {
    const text = utf8(hex(await forge.crl({ of: 'root' })))
    const name = 'intel/crl/root'
    expect(await outcome({ collateral: { [name]: entryOf(name, text) } })).toEqual([])
  })
})

describe('the quoting enclave', () => {
  const rows: readonly (readonly [title: string, item: () => Case, failure: string])[] = [
    ['of another vendor', () => ({ quote: { qeVendor: random(16) } }), 'tdx.qe-vendor qe-vendor'],
    [
      'signed by a stranger',
      () => ({ quote: { pckSigner: stranger } }),
      'tdx.qe-report-signature qe-signature',
    ],
    [
      'with another attestation key in the quote',
      () => ({ quote: { tamper: (quote) => quote.set(stranger.point.subarray(1), 700) } }),
      'tdx.key-binding ak-binding',
    ],
    [
      'that binds another key',
      () => ({ quote: { qeReportData: random(64) } }),
      'tdx.key-binding ak-binding',
    ],
    [
      'with another MRSIGNER',
      () => ({ quote: { qe: { mrSigner: random(32) } } }),
      'tdx.qe qe-identity',
    ],
    ['of another product', () => ({ quote: { qe: { isvProdId: 1 } } }), 'tdx.qe qe-identity'],
    [
      'in debug mode',
      () => ({ quote: { qe: { attributes: fromHex('17000000000000000600000000000000') } } }),
      'tdx.qe qe-identity',
    ],
    [
      'with another attribute',
      () => ({ quote: { qe: { attributes: fromHex('35000000000000000600000000000000') } } }),
      'tdx.qe qe-identity',
    ],
    [
      'with another MISCSELECT',
      () => ({ quote: { qe: { miscSelect: Uint8Array.of(1, 0, 0, 0) } } }),
      'tdx.qe qe-identity',
    ],
    [
      'judged by SGX’s identity',
      () => ({
        qeIdentity: (i) => {
          i.id = 'QE'
        },
      }),
      'tdx.qe qe-identity',
    ],
    [
      'judged by an identity of version 1',
      () => ({
        qeIdentity: (i) => {
          i.version = 1
        },
      }),
      'tdx.qe qe-identity',
    ],
    [
      'in debug mode, though the mask does not look',
      () => ({
        quote: { qe: { attributes: fromHex('13000000000000000000000000000000') } },
        qeIdentity: (i) => {
          i.attributesMask = 'FD'.padEnd(32, '0')
        },
      }),
      'tdx.qe qe-identity',
    ],
  ]
  test.each(rows)('%s is refused', async (_title, item, failure) => {
    expect(await outcome(item())).toEqual([failure])
  })

  test('that leaves data in the upper half of its report data is refused', async () => {
    const patchQe = (report: Bytes): void => report.set([1], 383)
    expect(await outcome({ quote: { patchQe } })).toEqual(['tdx.key-binding ak-binding'])
  })

  test('binds exactly the data that the quote carries', async () => {
    const tamper = (quote: Bytes): void => quote.set([0xff], 1220)
    expect(await outcome({ quote: { tamper } })).toEqual(['tdx.key-binding ak-binding'])
  })
})

describe('the quote’s signature', () => {
  const ORDER = fromHex('ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551')
  const rows: readonly (readonly [string, (quote: Bytes) => void])[] = [
    ['by another key', (quote) => quote.set(random(64), 636)],
    ['of zeros', (quote) => quote.fill(0, 636, 700)],
    [
      'with r and s swapped',
      (quote) => quote.set(concat(quote.slice(668, 700), quote.slice(636, 668)), 636),
    ],
    ['with r = n', (quote) => quote.set(ORDER, 636)],
    ['with s = n', (quote) => quote.set(ORDER, 668)],
    ['over another body', (quote) => quote.set([1], 300)],
    ['over another header', (quote) => quote.set([1], 30)],
  ]
  test.each(rows)('%s is refused', async (_title, tamper) => {
    expect(await outcome({ quote: { tamper } })).toEqual(['tdx.quote-signature signature'])
  })

  test('by a key off the curve, or the zero key, is refused even when the QE binds it', async () => {
    for (const attestationKey of [new Uint8Array(64), new Uint8Array(64).fill(1)]) {
      const failures = await outcome({ quote: { attestationKey } })
      expect(failures).toEqual(['tdx.quote-signature signature'])
    }
  })
})
