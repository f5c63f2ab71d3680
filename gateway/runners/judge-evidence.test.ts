import { beforeAll, describe, expect, test } from 'vitest'
import {
  type Allowlist,
  DEFAULT_POLICY,
  defaultCollateralSettings,
  imageHash,
  modelHash,
  NO_COLLATERAL,
  PINNED_ANCHORS,
} from '#attestation'
import { unixMs, unixSeconds } from '#base/brand.ts'
import { type Bytes, base64, fromHex } from '#base/bytes.ts'
import { type AmdForge, forgeAmd } from '#dev/forge/amd.ts'
import { type Keyset, reportData } from '#protocol'
import { type Exhibit, type JudgeDeps, judgeEvidence } from './judge-evidence.ts'

const NOW = unixSeconds(1_764_000_000)
const random = (length: number): Bytes => crypto.getRandomValues(new Uint8Array(length))
const MEASUREMENT = new Uint8Array(48).fill(9)
const MODEL = { id: 'demo', weights: `sha256:${'ab'.repeat(32)}` }
const KEYSET: Keyset = {
  subject: '',
  not_after: NOW + 3_600,
  receipt_signing_keys: [],
  e2ee_public_keys: [],
  tls_public_keys: [],
}
const DIGEST = `sha256:${'cd'.repeat(32)}`
const NONCE = 'ef'.repeat(32)

let forge: AmdForge
let allowlist: Allowlist
let fetches = 0

beforeAll(async () => {
  forge = await forgeAmd({ random, now: NOW })
  const image = await imageHash({ technology: 'sev-snp', measurement: MEASUREMENT })
  allowlist = {
    readAt: NOW,
    version: 3,
    images: new Map([[image, { enforcesWeights: false, enforcesGpu: false }]]),
    models: new Set([await modelHash(MODEL.id, MODEL.weights)]),
    platforms: new Set(),
    denied: new Set(),
  }
})

function deps(): JudgeDeps {
  const clock = () => unixMs(NOW * 1000)
  return {
    allowlist: {
      current: async () => allowlist,
      minVersion: () => 0,
      refresh: async () => false,
      snapshot: () => undefined,
    },
    collateral: {
      collect: async () => {
        fetches++
        return { collateral: await forge.collateral(), handed: [], missing: [] }
      },
      refreshDue: async () => 0,
    },
    collateralSettings: defaultCollateralSettings(random),
    anchors: { ...PINNED_ANCHORS, sev: [forge.root] },
    givenCollateral: NO_COLLATERAL,
    gpu: { ...DEFAULT_POLICY.gpu, presence: 'optional' },
    clock,
  }
}

/** The verdict or the failed check, and how often a vendor was asked for it. */
async function judged(fields: { measurement?: Bytes; nonce?: string; evidence?: unknown }) {
  fetches = 0
  const report = await forge.report({
    measurement: fields.measurement ?? MEASUREMENT,
    reportData: reportData(DIGEST, fields.nonce ?? NONCE),
  })
  const exhibit: Exhibit = {
    evidence: fields.evidence ?? {
      tee: { type: 'sev-snp', report: base64(report), vek: base64(await forge.vek()) },
    },
    keyset: KEYSET,
    keysetDigest: DIGEST,
    subject: {
      gpu: 'none',
      model: MODEL.id,
      payee: `0:${'22'.repeat(32)}`,
      weights: MODEL.weights,
    },
    nonce: NONCE,
  }
  const outcome = await judgeEvidence(deps(), exhibit).then(
    ({ verdict }) => verdict.status,
    (refusal: { param?: string }) => refusal.param,
  )
  return { outcome, fetches }
}

describe('no vendor is asked on behalf of evidence (M7)', () => {
  test.each([
    ['that is none', { evidence: { tee: { type: 'sev-snp', report: 'AAAA' } } }, 'evidence.form'],
    ['over another challenge', { nonce: '01'.repeat(32) }, 'evidence.report-data'],
    ['of an image that is not listed', { measurement: fromHex('00'.repeat(48)) }, 'evidence.image'],
  ])('%s', async (_, fields, check) => {
    expect(await judged(fields)).toEqual({ outcome: check, fetches: 0 })
  })
})

test('good evidence is judged with what the vendors say', async () => {
  expect(await judged({})).toEqual({ outcome: 'simulated', fetches: 1 })
})
