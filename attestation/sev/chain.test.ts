import { describe, expect, test } from 'vitest'
import type { Bytes } from '#base/bytes.ts'
import { forgeAmd } from '#dev/forge/amd.ts'
import { amdName, type VekOptions } from '#dev/forge/amd-vek.ts'
import {
  basicConstraints,
  bits,
  exportSigner,
  importSigner,
  makeSigner,
  oid,
  seq,
  writeCertificate,
} from '#dev/forge/der.ts'
import {
  type Case,
  failuresOf,
  forgeOf,
  NO_ASK,
  NOW,
  parseCode,
  random,
  stranger,
  useForges,
  YEAR,
} from './testing/judge-sev.ts'

useForges()

describe('signatures and keys of the chain', () => {
  test('a certificate signed by a stranger', async () => {
    expect(await failuresOf({ vek: { signer: stranger() } })).toEqual(['sev.vek-chain chain'])
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
    for (const signer of [forgeOf('Genoa').signers.ask, stranger()]) {
      expect(await failuresOf({ crl: { signer } })).toEqual(['sev.crl-signature crl-signature'])
    }
  })

  test('an extension twice', async () => {
    const extensions: VekOptions['extensions'] = (fields) => [...fields, ...fields.slice(2, 3)]
    expect(await parseCode({ vek: { extensions } })).toBe('parse')
  })
})
