import fc from 'fast-check'
import { beforeAll, describe, expect, test } from 'vitest'
import { unixSeconds } from '#base/brand.ts'
import { type Bytes, base64, equalBytes, fromBase64 } from '#base/bytes.ts'
import { type AmdForge, forgeAmd } from '#dev/forge/amd.ts'
import type { TrustAnchors } from './anchors.ts'
import type { Expected } from './appraise.ts'
import type { Collateral } from './collateral/entry.ts'
import { imageHash, modelHash, platformHash } from './hashes.ts'
import { DEFAULT_POLICY, type Policy } from './policy.ts'
import { PINNED_ANCHORS } from './roots.ts'
import type { Verdict } from './verdict.ts'
import { failures, previewEvidence, type VerifyInput, verifyEvidence } from './verify.ts'

const NOW = unixSeconds(1_764_000_000)
const random = (length: number): Bytes => crypto.getRandomValues(new Uint8Array(length))
const REPORT_DATA = new Uint8Array(64).fill(7, 0, 32)
const MEASUREMENT = new Uint8Array(48).fill(9)
const MODEL = { id: 'demo', weights: `sha256:${'ab'.repeat(32)}` }

let forge: AmdForge
let anchors: TrustAnchors
let collateral: Collateral
let policy: Policy
let evidence: unknown

const expected: Expected = {
  reportData: REPORT_DATA,
  model: MODEL,
  gpuNonce: new Uint8Array(32),
  gpuDigest: undefined,
}

beforeAll(async () => {
  forge = await forgeAmd({ random, now: NOW })
  anchors = { ...PINNED_ANCHORS, sev: [forge.root] }
  collateral = await forge.collateral()
  const report = await forge.report({ reportData: REPORT_DATA, measurement: MEASUREMENT })
  evidence = {
    tee: { type: 'sev-snp', report: base64(report), vek: base64(await forge.vek()), chain: [] },
  }
  const image = await imageHash({ technology: 'sev-snp', measurement: MEASUREMENT })
  policy = {
    ...DEFAULT_POLICY,
    allowlist: {
      readAt: NOW,
      version: 3,
      images: new Map([[image, { enforcesWeights: false, enforcesGpu: false }]]),
      models: new Set([await modelHash(MODEL.id, MODEL.weights)]),
      platforms: new Set(),
      denied: new Set(),
    },
    gpu: { presence: 'optional', count: undefined, minBinding: 'cpu-report' },
  }
})

function verify(overrides: Partial<VerifyInput> = {}): Promise<Verdict> {
  return verifyEvidence({ evidence, collateral, now: NOW, anchors, expected, policy, ...overrides })
}

async function failed(overrides: Partial<VerifyInput>): Promise<string[]> {
  return failures((await verify(overrides)).checks).map(({ id, code }) => `${id} ${code}`)
}

describe('a verdict', () => {
  test('is simulated under forged roots, with claims and an end', async () => {
    const verdict = await verify()
    if (verdict.status === 'refused') throw new Error(JSON.stringify(failures(verdict.checks)))
    expect(verdict.status).toBe('simulated')
    expect(verdict.claims.tee_attested).toEqual({ status: 'asserted', source: 'hardware_proven' })
    expect(verdict.claims.gpu_attested.status).toBe('unknown')
    expect(verdict.claims.model_weights_provenance.source).toBe('operator_asserted')
    expect(verdict.claims.physical_custody).toBe('unknown')
    expect(verdict.attested.hardware).toEqual([expect.stringMatching(/^amd:Genoa:[0-9a-f]{128}$/)])
    expect(verdict.validUntil).toBe(NOW + 600)
  })

  test('production refuses development roots, whatever the evidence brings along (H17)', async () => {
    const { anchors: _, ...production } = {
      evidence,
      collateral,
      now: NOW,
      anchors,
      expected,
      policy,
    }
    const withChain = structuredClone(evidence) as { tee: { chain: string[] } }
    withChain.tee.chain = [base64(forge.root.ask ?? random(1)), base64(forge.root.ark)]
    for (const bytes of [evidence, withChain]) {
      const verdict = await verifyEvidence({ ...production, evidence: bytes })
      expect(verdict.status).toBe('refused')
      expect(failures(verdict.checks).map(({ id }) => id)).toEqual(['sev.vek-chain'])
    }
  })

  test('a copy of the pinned roots is still only simulated', async () => {
    const verdict = await verify({ anchors: { ...PINNED_ANCHORS, sev: [forge.root] } })
    expect(verdict.status).toBe('simulated')
  })

  test('malformed evidence is a refusal with a code, never a throw', async () => {
    for (const bad of [null, 1, [], {}, { tee: 1 }, { tee: { type: '__proto__' } }, { tee: {} }]) {
      const verdict = await verify({ evidence: bad })
      expect(verdict.status).toBe('refused')
      expect(verdict.checks.map(({ id }) => id)).toEqual(['evidence.form'])
    }
  })
})

describe('hostile evidence', () => {
  test('of any kind is refused by a named check, and nothing in us breaks', async () => {
    // Sound: the fixture above has these members.
    const wire = structuredClone(evidence) as { tee: Record<'report' | 'vek', string> }
    const parts = { report: fromBase64(wire.tee.report), vek: fromBase64(wire.tee.vek) }
    const edit = fc.record({
      part: fc.constantFrom('report' as const, 'vek' as const),
      at: fc.double({ min: 0, max: 0.999, noNaN: true }),
      flip: fc.integer({ min: 1, max: 255 }),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(edit, { minLength: 1, maxLength: 3 }), async (edits) => {
        const altered = { report: parts.report.slice(), vek: parts.vek.slice() }
        for (const { part, at, flip } of edits) {
          const bytes = altered[part]
          const index = Math.floor(at * bytes.length)
          bytes[index] = (bytes[index] ?? 0) ^ flip
        }
        const same = (['report', 'vek'] as const).every((part) =>
          equalBytes(altered[part], parts[part]),
        )
        const tee = { ...wire.tee, report: base64(altered.report), vek: base64(altered.vek) }
        const verdict = await verify({ evidence: { tee } })
        expect(verdict.status).toBe(same ? 'simulated' : 'refused')
        expect(failures(verdict.checks).map(({ code }) => code)).not.toContain('internal')
      }),
      { numRuns: 1_000 },
    )
  })
})

describe('every common rule fails alone', () => {
  test('report data over all 64 bytes', async () => {
    for (const at of [0, 31, 32, 63]) {
      const reportData = REPORT_DATA.slice()
      reportData[at] = 1
      const codes = await failed({ expected: { ...expected, reportData } })
      expect(codes).toEqual(['evidence.report-data report-data-mismatch'])
    }
    const short = { ...expected, reportData: REPORT_DATA.slice(0, 32) }
    expect(await failed({ expected: short })).toEqual(['evidence.report-data report-data-mismatch'])
  })

  const allow = (change: Partial<Policy['allowlist']>): Partial<VerifyInput> => {
    return { policy: { ...policy, allowlist: { ...policy.allowlist, ...change } } }
  }

  test('an empty allowlist denies everything', async () => {
    expect(await failed(allow({ images: new Map() }))).toEqual(['evidence.image allowlist-empty'])
  })

  test('an image that is not listed', async () => {
    const other = new Map([['00', { enforcesWeights: false, enforcesGpu: false }]])
    expect(await failed(allow({ images: other }))).toEqual(['evidence.image measurement-mismatch'])
  })

  test('a denial beats the allowlist, for image, model and platform', async () => {
    const { imageHash: image } = await previewEvidence(evidence)
    expect(await failed(allow({ denied: new Set([image]) }))).toEqual([
      'evidence.image-denied measurement-denied',
    ])
    const model = await modelHash(MODEL.id, MODEL.weights)
    expect(await failed(allow({ denied: new Set([model]) }))).toEqual([
      'evidence.model model-unlisted',
    ])
    const verdict = await verify()
    const hardware = verdict.status === 'refused' ? '' : (verdict.attested.hardware[0] ?? '')
    expect(await failed(allow({ denied: new Set([await platformHash(hardware)]) }))).toEqual([
      'evidence.platform-denied measurement-denied',
    ])
    const listed = await verify(allow({ platforms: new Set([await platformHash(hardware)]) }))
    expect(listed.status !== 'refused' && listed.claims.physical_custody).toBe('listed')
  })

  test('a Registry copy that is too old, from the future, or older than one seen before (C4)', async () => {
    const old = allow({ readAt: unixSeconds(NOW - 601) })
    expect(await failed(old)).toEqual(['allowlist.age allowlist-stale'])
    const future = allow({ readAt: unixSeconds(NOW + 1) })
    expect(await failed(future)).toEqual(['allowlist.age allowlist-stale'])
    const rollback = { policy: { ...policy, minAllowlistVersion: 4 } }
    expect(await failed(rollback)).toEqual(['allowlist.version allowlist-rollback'])
  })

  test('a model that is not listed with these weights (H18)', async () => {
    const swapped = { id: MODEL.id, weights: `sha256:${'cd'.repeat(32)}` }
    const codes = await failed({ expected: { ...expected, model: swapped } })
    expect(codes).toEqual(['evidence.model model-unlisted'])
    for (const bad of [
      { id: 'a\0b', weights: MODEL.weights },
      { id: 'a', weights: 'md5:1' },
    ]) {
      const malformed = await failed({ expected: { ...expected, model: bad } })
      expect(malformed).toEqual(['evidence.model model-unlisted'])
    }
    const none = await failed({ expected: { ...expected, model: undefined } })
    expect(none).toEqual(['evidence.model model-unlisted'])
  })

  test('no GPU where the policy needs one, or where the subject names one', async () => {
    const required = { policy: { ...policy, gpu: DEFAULT_POLICY.gpu } }
    expect(await failed(required)).toEqual(['gpu.present gpu-missing'])
    const named = { expected: { ...expected, gpuDigest: 'ab'.repeat(32) } }
    expect(await failed(named)).toEqual(['gpu.present gpu-missing'])
  })
})
