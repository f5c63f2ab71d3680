import { beforeAll, describe, expect, test } from 'vitest'
import { type Bytes, hex } from '#base/bytes.ts'
import { type AmdForge, forgeAmd } from '#dev/forge/amd.ts'
import type { SnpReportFields } from '#dev/forge/amd-report.ts'
import { verifyEcdsaRaw } from '../der/ecdsa.ts'
import { AttestationError } from '../errors.ts'
import { productOfCpuid } from './product.ts'
import { parseSnpReport, SNP_REPORT_BYTES, type SnpReport, versionText } from './report.ts'
import { decodeTcb, encodeTcb } from './tcb.ts'

const random = (length: number): Bytes => crypto.getRandomValues(new Uint8Array(length))
let forge: AmdForge

beforeAll(async () => {
  forge = await forgeAmd({ random, now: 1_764_000_000 })
})

/** The parsed report, or the code under which it is refused. */
function parse(bytes: Bytes): SnpReport | string {
  try {
    return parseSnpReport(bytes)
  } catch (error) {
    if (error instanceof AttestationError) return error.code
    throw error
  }
}

function isSigned(report: SnpReport): Promise<boolean> {
  const { signed: message, signature } = report
  const { point } = forge.signers.vcek
  return verifyEcdsaRaw({ curve: 'P-384', hash: 'SHA-384', point, message, signature })
}

describe('a report', () => {
  test('is read field by field', async () => {
    const bytes = await forge.report({
      guestSvn: 5,
      policy: 0x1f0000n,
      familyId: new Uint8Array(16).fill(1),
      imageId: new Uint8Array(16).fill(2),
      vmpl: 3,
      reportData: new Uint8Array(64).fill(3),
      measurement: new Uint8Array(48).fill(4),
      hostData: new Uint8Array(32).fill(5),
      idKeyDigest: new Uint8Array(48).fill(6),
      authorKeyEnabled: true,
      authorKeyDigest: new Uint8Array(48).fill(7),
      reportId: new Uint8Array(32).fill(8),
      cpuid: [0x19, 0xa0, 2],
      current: [1, 2, 3],
      committed: [4, 5, 6],
      launchMitigations: 0x1122n,
      currentMitigations: 0x3344n,
    })
    const report = parseSnpReport(bytes)
    expect(await isSigned(report)).toBe(true)
    expect(report).toMatchObject({
      version: 5,
      guestSvn: 5,
      policy: 0x1f0000n,
      vmpl: 3,
      platformInfo: 0x25n,
      authorKeyEnabled: true,
      maskChipKey: false,
      signingKey: 0,
      cpuid: { family: 0x19, model: 0xa0, stepping: 2 },
      launchMitigations: 0x1122n,
      currentMitigations: 0x3344n,
    })
    const fields = ['familyId', 'imageId', 'reportData', 'measurement', 'hostData'] as const
    expect(fields.map((field) => report[field][0])).toEqual([1, 2, 3, 4, 5])
    expect([report.idKeyDigest[47], report.authorKeyDigest[47], report.reportId[31]]).toEqual([
      6, 7, 8,
    ])
    expect(versionText(report.current)).toBe('1.2.3')
    expect(versionText(report.committed)).toBe('4.5.6')
    expect(hex(report.chipId)).toBe(hex(forge.hwid))
    expect(hex(report.currentTcb)).toBe('0a00000000001954')
  })

  test.each([0, 0x29f, 0x49f, 0x4a1, 2 * SNP_REPORT_BYTES])('of %i bytes is refused', (length) => {
    expect(parse(new Uint8Array(length))).toBe('parse')
  })

  const rows: readonly (readonly [title: string, Partial<SnpReportFields>, code: string])[] = [
    ['version 0', { version: 0 }, 'version'],
    ['version 1', { version: 1 }, 'version'],
    ['version 6', { version: 6 }, 'version'],
    ['version 65535', { version: 65_535 }, 'version'],
    ['signature algorithm 0', { signatureAlgorithm: 0 }, 'key-type'],
    ['signature algorithm 2', { signatureAlgorithm: 2 }, 'key-type'],
    ['VMPL 4', { vmpl: 4 }, 'parse'],
    ['reserved signer bits', { patch: (bytes) => bytes.set([0x20], 0x48) }, 'parse'],
    [
      'an author key digest without author key',
      { authorKeyDigest: new Uint8Array(48).fill(1) },
      'parse',
    ],
    ['CPUID in version 2', { version: 2, patch: (bytes) => bytes.set([25], 0x188) }, 'parse'],
    [
      'launch mitigations in version 3',
      { version: 3, patch: (bytes) => bytes.set([1], 0x1f8) },
      'parse',
    ],
    [
      'current mitigations in version 4',
      { version: 4, patch: (bytes) => bytes.set([1], 0x200) },
      'parse',
    ],
  ]
  test.each(rows)('with %s is refused, though well signed', async (_title, fields, code) => {
    expect(parse(await forge.report(fields))).toBe(code)
  })

  test('with any bit of a reserved field set is refused, signed or not', async () => {
    const good = await forge.report()
    const reserved: readonly (readonly [from: number, to: number])[] = [
      [0x4c, 0x50],
      [0x18b, 0x1a0],
      [0x1eb, 0x1ec],
      [0x1ef, 0x1f0],
      [0x208, 0x2a0],
      [0x2d0, 0x2e8],
      [0x318, 0x330],
      [0x330, 0x4a0],
    ]
    let tried = 0
    for (const [from, to] of reserved) {
      for (let at = from; at < to; at++, tried++) {
        const bytes = good.slice()
        bytes[at] = 1 << (at % 8)
        expect(parse(bytes), `offset ${at}`).toBe('parse')
      }
    }
    expect(tried).toBe(4 + 21 + 1 + 1 + 152 + 24 + 24 + 368)
  })

  test('with any single bit of its signed part flipped is refused: all 5,376 of them', async () => {
    const good = await forge.report({ reportData: random(64), measurement: random(48) })
    const accepted: number[] = []
    for (let bit = 0; bit < 0x2a0 * 8; bit++) {
      const bytes = good.slice()
      bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      const report = parse(bytes)
      if (typeof report !== 'string' && (await isSigned(report))) accepted.push(bit)
    }
    expect(accepted).toEqual([])
  })

  test('with any single bit of its signature flipped is refused', async () => {
    const good = await forge.report()
    const accepted: number[] = []
    for (let bit = 0x2a0 * 8; bit < 0x330 * 8; bit += 3) {
      const bytes = good.slice()
      bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      const report = parse(bytes)
      if (typeof report === 'string') continue
      if (await isSigned(report).catch(() => false)) accepted.push(bit)
    }
    expect(accepted).toEqual([])
  })
})

describe('a product by CPUID', () => {
  test.each([
    [0x19, 0x00, 'Milan'],
    [0x19, 0x0f, 'Milan'],
    [0x19, 0x10, 'Genoa'],
    [0x19, 0x1f, 'Genoa'],
    [0x19, 0x20, undefined],
    [0x19, 0x9f, undefined],
    [0x19, 0xa0, 'Genoa'],
    [0x19, 0xaf, 'Genoa'],
    [0x19, 0xb0, undefined],
    [0x1a, 0x00, 'Turin'],
    [0x1a, 0x11, 'Turin'],
    [0x1a, 0x12, undefined],
    [0x1a, 0x50, undefined],
    [0x18, 0x01, undefined],
  ])('family %i, model %i is %s: both ends of each range belong', (family, model, product) => {
    expect(productOfCpuid({ family, model, stepping: 0 })).toBe(product)
  })
})

describe('a TCB', () => {
  const tcb = { fmc: 1, bl: 2, tee: 3, snp: 4, ucode: 5 }

  test('has the layout of its product, there and back', () => {
    expect(hex(encodeTcb(tcb, 'Turin'))).toBe('0102030400000005')
    expect(hex(encodeTcb(tcb, 'Milan'))).toBe('0203000000000405')
    expect(decodeTcb(encodeTcb(tcb, 'Turin'), 'Turin')).toEqual(tcb)
    expect(decodeTcb(encodeTcb(tcb, 'Genoa'), 'Genoa')).toEqual({ ...tcb, fmc: 0 })
  })

  test('of one product is not read as another’s', () => {
    expect(() => decodeTcb(encodeTcb(tcb, 'Turin'), 'Genoa')).toThrow(AttestationError)
  })
})
