import { expect, test } from 'vitest'
import { unixSeconds } from '#base/brand.ts'
import { type Bytes, base64 } from '#base/bytes.ts'
import { forgeAmd } from '#dev/forge/amd.ts'
import { bits, oid, seq } from '#dev/forge/der.ts'
import type { Expected } from './appraise.ts'
import { imageHash } from './hashes.ts'
import { DEFAULT_POLICY, type Policy } from './policy.ts'
import { PINNED_ANCHORS } from './roots.ts'
import { failures, verifyEvidence } from './verify.ts'

const NOW = unixSeconds(1_764_000_000)
const MEASUREMENT = new Uint8Array(48).fill(9)
const random = (length: number): Bytes => crypto.getRandomValues(new Uint8Array(length))

test('in workerd: forged evidence passes, an altered bit and a key off its curve do not', async () => {
  const forge = await forgeAmd({ random, now: NOW })
  const anchors = { ...PINNED_ANCHORS, sev: [forge.root] }
  const collateral = await forge.collateral()
  const image = await imageHash({ technology: 'sev-snp', measurement: MEASUREMENT })
  const policy: Policy = {
    ...DEFAULT_POLICY,
    allowlist: {
      ...DEFAULT_POLICY.allowlist,
      readAt: NOW,
      images: new Map([[image, { enforcesWeights: false, enforcesGpu: false }]]),
    },
    models: 'any',
    gpu: { ...DEFAULT_POLICY.gpu, presence: 'optional' },
  }
  const expected: Expected = {
    reportData: new Uint8Array(64),
    model: undefined,
    gpuNonce: new Uint8Array(32),
    gpuDigest: undefined,
  }
  const judge = async (report: Bytes, vek: Bytes): Promise<string[]> => {
    const evidence = { tee: { type: 'sev-snp', report: base64(report), vek: base64(vek) } }
    const input = { evidence, collateral, now: NOW, anchors, expected, policy }
    return failures((await verifyEvidence(input)).checks).map(({ id, code }) => `${id} ${code}`)
  }
  const report = await forge.report({ measurement: MEASUREMENT })
  expect(await judge(report, await forge.vek())).toEqual([])

  const altered = report.slice()
  altered[0x90] = 8
  expect(await judge(altered, await forge.vek())).toEqual(['sev.report-signature signature'])

  const point = forge.signers.vcek.point.slice()
  point[96] = (point[96] ?? 0) ^ 1
  const spki = seq(seq(oid('1.2.840.10045.2.1'), oid('1.3.132.0.34')), bits(point))
  const offCurve = await forge.vek({ fields: { spki } })
  expect(await judge(report, offCurve)).toEqual(['sev.report-signature signature'])
})
