import { beforeAll, describe, expect, test } from 'vitest'
import { unixSeconds } from '#base/brand.ts'
import { type Bytes, concat } from '#base/bytes.ts'
import type { IntelForge } from '#dev/forge/intel.ts'
import type { Collateral } from '../collateral/entry.ts'
import type { PublicKey } from '../der/signature.ts'
import { AttestationError } from '../errors.ts'
import { checkP256 } from './check-p256.ts'
import { parseTdxEvidence } from './evidence.ts'
import { proveTdx } from './prove.ts'
import { parseQuote } from './quote.ts'
import { NOW, tdxForge } from './testing/judge.ts'

let forge: IntelForge
let collateral: Collateral

beforeAll(async () => {
  forge = await tdxForge()
  collateral = await forge.collateral()
})

const SIGNATURE_BYTES = 64
const QE_REPORT_BYTES = 384

function flipped(bytes: Bytes, bit: number): Bytes {
  const copy = bytes.slice()
  copy[bit >> 3] = (copy[bit >> 3] ?? 0) ^ (1 << (bit & 7))
  return copy
}

/** The code under which the whole verification refuses a quote; undefined when it does not. */
async function refusal(quote: Bytes, given: Collateral = collateral): Promise<string | undefined> {
  try {
    const evidence = parseTdxEvidence({ quote })
    const now = unixSeconds(NOW)
    const anchors = [forge.root]
    const proof = await proveTdx({ evidence, collateral: given, now, anchors })
    if (proof.proven) return undefined
    const last = proof.checks[proof.checks.length - 1]
    return last?.status === 'fail' ? last.code : undefined
  } catch (error) {
    if (error instanceof AttestationError) return error.code
    throw error
  }
}

/** Whether the quote's own signature, the last step of its proof, refuses these bytes or they do not parse. */
async function signatureRefuses(bytes: Bytes): Promise<boolean> {
  try {
    const quote = parseQuote(bytes)
    const point = concat(Uint8Array.of(4), quote.attestationKey)
    const key: PublicKey = { kind: 'ec', curve: 'P-256', point, spki: new Uint8Array() }
    const { signed: message, signature } = quote
    await checkP256({ key, message, signature }, 'signature', 'quote')
    return false
  } catch (error) {
    if (error instanceof AttestationError) return true
    throw error
  }
}

describe('a flipped bit is refused', () => {
  test.each([
    ['version 4', 4, 632],
    ['version 5 with a TDX 1.5 body', 5, 702],
  ])('every single one of header and body, %s', async (_title, version, signedBytes) => {
    const quote = await forge.quote({ version })
    expect(await signatureRefuses(quote)).toBe(false)
    let accepted = 0
    for (let bit = 0; bit < signedBytes * 8; bit++) {
      if (!(await signatureRefuses(flipped(quote, bit)))) accepted += 1
    }
    expect(accepted).toBe(0)
  })

  test('every single one of the quote’s signature and attestation key', async () => {
    const quote = await forge.quote()
    let accepted = 0
    for (let bit = 636 * 8; bit < (636 + 2 * SIGNATURE_BYTES) * 8; bit++) {
      if (!(await signatureRefuses(flipped(quote, bit)))) accepted += 1
    }
    expect(accepted).toBe(0)
  })

  test('every single one of the QE report and its signature', async () => {
    const quote = parseQuote(await forge.quote())
    const { point } = forge.signers.pck
    const key: PublicKey = { kind: 'ec', curve: 'P-256', point, spki: new Uint8Array() }
    const both = concat(quote.qeReport.raw, quote.qeReportSignature)
    const check = async (bytes: Bytes): Promise<boolean> => {
      const message = bytes.slice(0, QE_REPORT_BYTES)
      const signature = bytes.slice(QE_REPORT_BYTES)
      return checkP256({ key, message, signature }, 'qe-signature', 'QE report').then(
        () => false,
        (error: unknown) => error instanceof AttestationError && error.code === 'qe-signature',
      )
    }
    expect(await check(both)).toBe(false)
    let refused = 0
    for (let bit = 0; bit < both.length * 8; bit++) {
      if (await check(flipped(both, bit))) refused += 1
    }
    expect(refused).toBe(both.length * 8)
  })

  test('anywhere in a quote, by the whole verification: one bit of every 97th byte', async () => {
    for (const version of [4, 5]) {
      const quote = await forge.quote({ version })
      expect(await refusal(quote)).toBeUndefined()
      for (let at = 0; at < quote.length - 1; at += 97) {
        const code = await refusal(flipped(quote, at * 8 + (at % 8)))
        expect(code, `byte ${at} of version ${version}`).toBeDefined()
        expect(code).not.toBe('internal')
      }
    }
  })

  test('anywhere in what Intel signed: one bit of every 53rd byte of lists and documents', async () => {
    const quote = await forge.quote()
    for (const [name, entry] of collateral) {
      for (let at = 0; at < entry.body.length; at += 53) {
        const body = flipped(entry.body, at * 8 + (at % 8))
        const given = new Map(collateral).set(name, { ...entry, body })
        const code = await refusal(quote, given)
        expect(code, `byte ${at} of ${name}`).toBeDefined()
        expect(code).not.toBe('internal')
      }
    }
  })
})
