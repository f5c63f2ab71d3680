import { type UnixSeconds, unixSeconds } from '#base/brand.ts'
import { hex } from '#base/bytes.ts'
import type { TrustAnchors } from './anchors.ts'
import { type Appraisal, appraise, COMMON_CHECKS, type Expected } from './appraise.ts'
import { type Check, prove } from './checks.ts'
import type { Collateral } from './collateral/entry.ts'
import { type Evidence, parseEvidence } from './evidence.ts'
import { imageHash } from './hashes.ts'
import { type GpuOutcome, verifyGpus } from './nvidia/verify-gpus.ts'
import type { Policy } from './policy.ts'
import { PINNED_ANCHORS } from './roots.ts'
import { previewTee, type TeeSummary, verifyTee } from './tee.ts'
import {
  type Attested,
  type AttestedGpu,
  type Claim,
  type Claims,
  refused,
  type Verdict,
} from './verdict.ts'

export interface VerifyInput {
  /** The `evidence` member of an attestation report, as parsed JSON. */
  readonly evidence: unknown
  readonly collateral: Collateral
  readonly now: UnixSeconds
  /** Default: the pinned roots. Any other object makes the verdict `simulated`. */
  readonly anchors?: TrustAnchors
  readonly expected: Expected
  readonly policy: Policy
}

/**
 * The verdict on a workload's evidence:
 * 1. parse it; 2. prove the CPU's evidence and appraise it by its technology's policy; 3. prove the GPUs' and
 * appraise it; 4. appraise both together: allowlist, report data, model, GPU binding; 5. state claims, or refuse
 * with every failed check. No clock, no network, no environment; safe on any input.
 */
export async function verifyEvidence(input: VerifyInput): Promise<Verdict> {
  const { collateral, now, anchors = PINNED_ANCHORS, expected, policy } = input
  const parsed = await prove(COMMON_CHECKS, (list) =>
    list.step('evidence.form', () => parseEvidence(input.evidence)),
  )
  if (!parsed.proven) return refused(parsed.checks)
  const evidence = parsed.facts
  const tee = await verifyTee(evidence.tee, { collateral, now, anchors, policy })
  if (!tee.proven) return refused([...parsed.checks, ...tee.checks])
  const gpu = await verifyGpu(evidence.gpu, input, anchors)
  const proofs = [...parsed.checks, ...tee.checks, ...(gpu?.checks ?? [])]
  if (gpu?.proven === false) return refused(proofs)
  const { summary } = tee
  const appraisal = await appraise({ tee: summary, gpu: gpu?.summary, expected, policy, now })
  const checks = [...proofs, ...appraisal.checks]
  if (checks.some(({ status }) => status === 'fail')) return refused(checks)
  return {
    status: anchors === PINNED_ANCHORS ? 'verified' : 'simulated',
    claims: claimsOf(summary, appraisal, gpuClaim(gpu !== undefined, policy)),
    attested: attestedOf(summary, appraisal, gpu?.summary.gpus ?? []),
    checks,
    validUntil: validUntil([tee.validUntil, gpu?.validUntil], now, policy),
  }
}

/** Undefined when there is no GPU evidence; whether that will do is judged with the rest. */
async function verifyGpu(
  gpu: Evidence['gpu'],
  { collateral, now, expected, policy }: VerifyInput,
  anchors: TrustAnchors,
): Promise<GpuOutcome | undefined> {
  if (gpu === undefined) return undefined
  return verifyGpus(gpu, {
    collateral,
    now,
    anchors,
    policy: policy.nvidia,
    nonce: expected.gpuNonce,
  })
}

/** The attestation service's word is NVIDIA's and not the hardware's. */
function gpuClaim(present: boolean, policy: Policy): Claim {
  if (!present) return { status: 'unknown', source: null }
  const source = policy.nvidia.references === 'nras' ? 'provider_asserted' : 'hardware_proven'
  return { status: 'asserted', source }
}

function claimsOf(
  tee: TeeSummary,
  { image, modelListed, ...appraisal }: Appraisal,
  gpu: Claim,
): Claims {
  const derived = { status: 'asserted', source: 'verifier_derived' } as const
  const enforced = image?.enforcesWeights === true
  return {
    tee_attested: { status: 'asserted', source: 'hardware_proven' },
    gpu_attested: gpu,
    tcb_up_to_date: { ...derived, status: tee.tcbUpToDate ? 'asserted' : 'refuted' },
    os_known_good: derived,
    serving_software_known_good: derived,
    // The pair is listed and bound to the quote; only an image that checks the weights proves them.
    model_weights_provenance: modelListed
      ? { status: 'asserted', source: enforced ? 'verifier_derived' : 'operator_asserted' }
      : { status: 'unknown', source: null },
    gpu_binding: appraisal.gpuBinding,
    physical_custody: appraisal.custodyListed ? 'listed' : 'unknown',
  }
}

function attestedOf(tee: TeeSummary, appraisal: Appraisal, gpus: readonly AttestedGpu[]): Attested {
  const processor = tee.hardware === undefined ? [] : [tee.hardware]
  return {
    technology: tee.image.technology,
    imageHash: appraisal.imageHash,
    registers: tee.registers,
    reportData: hex(tee.reportData),
    tcb: tee.tcb,
    advisories: tee.advisories,
    hardware: [...processor, ...gpus.map(({ hardware }) => hardware)],
    gpus,
  }
}

function validUntil(
  ends: readonly (UnixSeconds | undefined)[],
  now: UnixSeconds,
  policy: Policy,
): UnixSeconds {
  const known = ends.filter((end) => end !== undefined)
  return unixSeconds(Math.min(now + policy.maxVerdictSeconds, ...known))
}

/**
 * What evidence claims, unproven: lets a gateway refuse a wrong image or challenge before it fetches anything
 * for it (M7). @throws AttestationError for malformed evidence
 */
export async function previewEvidence(value: unknown): Promise<{
  readonly evidence: Evidence
  readonly imageHash: string
  readonly reportData: string
}> {
  const evidence = parseEvidence(value)
  const { image, reportData } = previewTee(evidence.tee)
  return { evidence, imageHash: await imageHash(image), reportData: hex(reportData) }
}

/** Failed checks only, for logs and short answers. */
export function failures(checks: readonly Check[]): readonly (Check & { status: 'fail' })[] {
  return checks.filter((check) => check.status === 'fail')
}
