import { type UnixSeconds, unixSeconds } from '#base/brand.ts'
import type { Bytes } from '#base/bytes.ts'
import type { TrustAnchors } from '../anchors.ts'
import { type Check, prove } from '../checks.ts'
import type { Collateral } from '../collateral/entry.ts'
import { demand } from '../errors.ts'
import { appraiseNras, type EvidenceGpu } from '../nras/appraise.ts'
import { NRAS_CHECKS } from '../nras/checks.ts'
import { keySetName, kidOfAnswer, tokenName } from '../nras/names.ts'
import { proveNras } from '../nras/prove.ts'
import type { AttestedGpu } from '../verdict.ts'
import { appraiseNvidia } from './appraise.ts'
import { NVIDIA_CHECKS } from './checks.ts'
import { type DeviceBytes, parseNvidiaEvidence } from './evidence.ts'
import type { NvidiaPolicy } from './policy.ts'
import { type DeviceFacts, type NvidiaFacts, proveNvidia } from './prove.ts'

export interface GpuInput {
  readonly collateral: Collateral
  readonly now: UnixSeconds
  readonly anchors: Pick<TrustAnchors, 'nvidiaDevice' | 'nvidiaRim' | 'nras'>
  readonly policy: NvidiaPolicy
  /** The 32 bytes that the evidence must answer. */
  readonly nonce: Bytes
}

export type GpuOutcome =
  | { readonly proven: false; readonly checks: readonly Check[] }
  | {
      readonly proven: true
      readonly checks: readonly Check[]
      readonly summary: {
        /** GPUs; switches are not counted. */
        readonly count: number
        /** Digest of the whole evidence, switches included. */
        readonly digest: string
        readonly gpus: readonly AttestedGpu[]
      }
      readonly validUntil: UnixSeconds | undefined
    }

/**
 * Proves and appraises the evidence of a machine's GPUs and switches:
 * 1. parse it; 2. prove it, with NVIDIA's reference values unless the policy leaves those to the attestation service;
 * 3. appraise it; 4. prove and appraise the service's answer if the policy asks for its word. A proven outcome may
 * still hold failed checks.
 */
export async function verifyGpus(
  bytes: { readonly arch: string; readonly devices: readonly DeviceBytes[] },
  input: GpuInput,
): Promise<GpuOutcome> {
  const { collateral, now, anchors, policy, nonce } = input
  const parsed = await prove(NVIDIA_CHECKS, (list) =>
    list.step('gpu.form', () => parseNvidiaEvidence(bytes)),
  )
  if (!parsed.proven) return parsed
  const proof = await proveNvidia({
    evidence: parsed.facts,
    collateral,
    now,
    anchors: { device: anchors.nvidiaDevice, rim: anchors.nvidiaRim },
    nonce,
    judged: policy.references === 'nras' ? 'switches' : 'all',
  })
  const checks = [...parsed.checks, ...proof.checks]
  if (!proof.proven) return { proven: false, checks }
  checks.push(...appraiseNvidia(proof.facts, policy, now))
  const service = await askService(proof.facts, input)
  checks.push(...service.checks)
  const ends = [proof.validUntil, service.validUntil].filter((end) => end !== undefined)
  const validUntil = ends.length === 0 ? undefined : unixSeconds(Math.min(...ends))
  return { proven: true, checks, summary: summaryOf(proof.facts), validUntil }
}

/** What the attestation service says of these GPUs; nothing when the policy does not ask it. */
async function askService(
  facts: NvidiaFacts,
  { collateral, now, anchors, policy, nonce }: GpuInput,
): Promise<{ readonly checks: readonly Check[]; readonly validUntil: UnixSeconds | undefined }> {
  const gpus = gpusOf(facts)
  // A list of switches alone has nothing that the service would be asked about.
  if (policy.references === 'local' || gpus.length === 0)
    return { checks: [], validUntil: undefined }
  const found = await prove(NRAS_CHECKS, (list) =>
    list.step('nras.present', () => {
      const answer = collateral.get(tokenName(facts.digest))?.body
      demand(answer !== undefined, 'collateral-missing', 'no answer of the attestation service')
      const keySet = collateral.get(keySetName(kidOfAnswer(answer)))?.body
      demand(keySet !== undefined, 'collateral-missing', 'no key set of the attestation service')
      return { answer, keySet }
    }),
  )
  if (!found.proven) return { checks: found.checks, validUntil: undefined }
  const proof = await proveNras({ ...found.facts, now, anchors: anchors.nras, nonce })
  const checks = [...found.checks, ...proof.checks]
  if (!proof.proven) return { checks, validUntil: undefined }
  const appraisal = appraiseNras(proof.facts, policy.nras, { now, gpus: gpus.map(evidenceGpu) })
  return { checks: [...checks, ...appraisal], validUntil: proof.validUntil }
}

function gpusOf({ devices }: NvidiaFacts): readonly DeviceFacts[] {
  return devices.filter(({ identity }) => identity.kind === 'gpu')
}

function evidenceGpu({ identity, transcript: { opaque } }: DeviceFacts): EvidenceGpu {
  const { ueid, chip } = identity
  return { ueid, chip, driver: opaque.driver ?? '', vbios: opaque.vbios ?? '' }
}

function summaryOf(facts: NvidiaFacts): Extract<GpuOutcome, { proven: true }>['summary'] {
  const gpus = gpusOf(facts).map((device): AttestedGpu => {
    const { ueid, driver, vbios } = evidenceGpu(device)
    return { hardware: `nvidia:${ueid}`, model: device.identity.model, driver, vbios }
  })
  return { count: gpus.length, digest: facts.digest, gpus }
}
