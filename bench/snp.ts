import {
  DEFAULT_POLICY,
  imageHash,
  modelHash,
  PINNED_ANCHORS,
  type VerifyInput,
  verifyEvidence,
} from '#attestation'
import { unixSeconds } from '#base/brand.ts'
import { base64 } from '#base/bytes.ts'
import { forgeAmd } from '#dev/forge/amd.ts'
import { leastCpuUs, type Section } from './section.ts'

const NOW_SECONDS = 1_800_000_000
const MODEL = { id: 'bench', weights: `sha256:${'11'.repeat(32)}` }

/** A whole verdict on SEV-SNP evidence, warm: chain, CRL, report signature, TCB, policy, allowlist. */
export async function snpSection(quick: boolean): Promise<Section> {
  const input = await snpInput()
  const verdict = await verifyEvidence(input)
  if (verdict.status !== 'simulated') throw new Error('the forged evidence was refused')
  const count = quick ? 20 : 50
  const least = await leastCpuUs(quick ? 3 : 6, count, async () => {
    for (let i = 0; i < count; i++) await verifyEvidence(input)
  })
  return {
    title: 'Attestation: CPU per whole verdict, warm, one core',
    header: ['evidence', 'CPU'],
    rows: [['SEV-SNP (Genoa, v5)', `${(least / 1000).toFixed(2)} ms`]],
  }
}

async function snpInput(): Promise<VerifyInput> {
  const random = (length: number) => crypto.getRandomValues(new Uint8Array(length))
  const forge = await forgeAmd({ random, now: NOW_SECONDS })
  const measurement = random(48)
  const reportData = random(64)
  const report = await forge.report({ reportData, measurement })
  const image = await imageHash({ technology: 'sev-snp', measurement })
  const now = unixSeconds(NOW_SECONDS)
  return {
    evidence: { tee: { type: 'sev-snp', report: base64(report), vek: base64(await forge.vek()) } },
    collateral: await forge.collateral(),
    now,
    anchors: { ...PINNED_ANCHORS, sev: [forge.root] },
    expected: { reportData, model: MODEL, gpuNonce: random(32), gpuDigest: undefined },
    policy: {
      ...DEFAULT_POLICY,
      gpu: { presence: 'optional', count: undefined, minBinding: 'none' },
      allowlist: {
        ...DEFAULT_POLICY.allowlist,
        readAt: now,
        version: 1,
        images: new Map([[image, { enforcesWeights: false, enforcesGpu: false }]]),
        models: new Set([await modelHash(MODEL.id, MODEL.weights)]),
      },
    },
  }
}
