import type { UnixSeconds } from '#base/brand.ts'
import { type Bytes, equalBytes, hex } from '#base/bytes.ts'
import { type Check, Checklist, type CheckTable } from './checks.ts'
import { imageHash, modelHash, platformHash } from './hashes.ts'
import type { AllowedImage, Policy } from './policy.ts'
import type { TeeSummary } from './tee.ts'
import { GPU_BINDINGS, type GpuBinding } from './verdict.ts'

/** Rules that hold for every technology. Letters with a number are rows of SECURITY.md’s threat table. */
export const COMMON_CHECKS = {
  'evidence.form': 'README: well-formed, bounded evidence of a known technology',
  'evidence.report-data': 'aci/1, report_data: all 64 bytes equal what the caller computed',
  'evidence.image': 'README, image hash: the measured image is in the allowlist',
  'evidence.image-denied': 'README, policy: the image was neither revoked nor denied',
  'evidence.model': 'SECURITY H18: the (model, weights) pair of the subject is in the allowlist',
  'evidence.platform-denied': 'SECURITY H12: neither the machine nor a GPU of it was denied',
  'allowlist.age': 'SECURITY C4: the Registry was read recently, by the verifier’s clock',
  'allowlist.version': 'SECURITY C4: the Registry’s version never goes back',
  'gpu.present': 'README, policy: GPU evidence where the policy or the subject demands it',
  'gpu.count': 'README, policy: the demanded number of GPUs',
  'gpu.binding': 'README, GPU evidence: bound to the CPU’s report as firmly as demanded',
} as const satisfies CheckTable

/** What the caller computed itself, never what the other side says. */
export interface Expected {
  /** All 64 bytes of report data. */
  readonly reportData: Bytes
  /** The model and weights that the attested subject names; undefined when it names none. */
  readonly model: { readonly id: string; readonly weights: string } | undefined
  /** 32 bytes: the nonce that GPU evidence must answer. */
  readonly gpuNonce: Bytes
  /** The GPU evidence digest (hex) that the attested subject names; undefined when it names none. */
  readonly gpuDigest: string | undefined
}

/** What is known of the GPUs beside the CPU's evidence. */
export interface GpuSummary {
  readonly count: number
  /** Digest of the evidence that was proven, hex. */
  readonly digest: string
  /** Their certified ids. */
  readonly gpus: readonly { readonly hardware: string }[]
}

export interface Appraisal {
  readonly checks: readonly Check[]
  readonly imageHash: string
  readonly image: AllowedImage | undefined
  readonly modelListed: boolean
  readonly gpuBinding: GpuBinding
  readonly custodyListed: boolean
}

/** Holds what was proven against the allowlist, the expectations and the rules on GPUs. */
export async function appraise(input: {
  readonly tee: TeeSummary
  readonly gpu: GpuSummary | undefined
  readonly expected: Expected
  readonly policy: Policy
  readonly now: UnixSeconds
}): Promise<Appraisal> {
  const { tee, gpu, expected, policy, now } = input
  const list = new Checklist(COMMON_CHECKS)
  const same = expected.reportData.length === 64 && equalBytes(tee.reportData, expected.reportData)
  const got = `report data ${hex(tee.reportData).slice(0, 16)}… is not the expected one`
  list.judge('evidence.report-data', same, 'report-data-mismatch', got)
  judgeAllowlist(list, policy, now)
  const hash = await imageHash(tee.image)
  const image = judgeImage(list, hash, policy)
  const modelListed = await judgeModel(list, expected.model, policy)
  const custodyListed = await judgePlatforms(list, tee.hardware, gpu?.gpus ?? [], policy)
  const gpuBinding = judgeGpu(list, gpu, expected.gpuDigest, image, policy)
  const { checks } = list
  return { checks, imageHash: hash, image, modelListed, gpuBinding, custodyListed }
}

type List = Checklist<typeof COMMON_CHECKS>

function judgeAllowlist(list: List, policy: Policy, now: UnixSeconds): void {
  const { readAt, version } = policy.allowlist
  const age = now - readAt
  const fresh = age >= 0 && age <= policy.maxAllowlistAgeSeconds
  const limit = policy.maxAllowlistAgeSeconds
  list.judge('allowlist.age', fresh, 'allowlist-stale', `read ${age} s ago, at most ${limit} s`)
  const floor = policy.minAllowlistVersion
  const detail = `version ${version}, ${floor} was seen before`
  list.judge('allowlist.version', version >= floor, 'allowlist-rollback', detail)
}

function judgeImage(list: List, hash: string, policy: Policy): AllowedImage | undefined {
  const { images, denied } = policy.allowlist
  const image = images.get(hash)
  if (images.size === 0) list.fail('evidence.image', 'allowlist-empty', 'no image is allowed')
  else {
    const detail = `image ${hash} is not in the allowlist`
    list.judge('evidence.image', image !== undefined, 'measurement-mismatch', detail)
  }
  list.judge('evidence.image-denied', !denied.has(hash), 'measurement-denied', `image ${hash}`)
  return image
}

async function judgeModel(list: List, model: Expected['model'], policy: Policy): Promise<boolean> {
  if (policy.models === 'any' && model === undefined) {
    list.skip('evidence.model', 'the subject names no model, and the policy needs none')
    return false
  }
  if (model === undefined) {
    list.fail('evidence.model', 'model-unlisted', 'the subject names no model')
    return false
  }
  const hash = await pairHash(model)
  const { models, denied } = policy.allowlist
  const listed = hash !== undefined && models.has(hash) && !denied.has(hash)
  if (policy.models === 'any') list.skip('evidence.model', 'the policy accepts any model')
  else
    list.judge(
      'evidence.model',
      listed,
      'model-unlisted',
      `pair ${hash ?? 'of a malformed subject'} is not listed`,
    )
  return listed
}

/** Undefined for a subject that names no possible pair: it comes from the other side. */
async function pairHash({
  id,
  weights,
}: {
  id: string
  weights: string
}): Promise<string | undefined> {
  try {
    return await modelHash(id, weights)
  } catch (cause) {
    if (cause instanceof RangeError) return undefined
    throw cause
  }
}

/** @returns whether the processor's custody is listed: the quote is its word */
async function judgePlatforms(
  list: List,
  processor: string | undefined,
  gpus: GpuSummary['gpus'],
  { allowlist: { denied, platforms } }: Policy,
): Promise<boolean> {
  const ids = [processor, ...gpus.map(({ hardware }) => hardware)].filter((id) => id !== undefined)
  if (ids.length === 0) {
    list.skip('evidence.platform-denied', 'nothing certifies a hardware id')
    return false
  }
  const hashes = await Promise.all(ids.map(platformHash))
  const refused = hashes.filter((hash) => denied.has(hash))
  const isGood = refused.length === 0
  list.judge('evidence.platform-denied', isGood, 'measurement-denied', `platform ${refused.join()}`)
  return isGood && processor !== undefined && platforms.has(await platformHash(processor))
}

function judgeGpu(
  list: List,
  gpu: GpuSummary | undefined,
  digest: string | undefined,
  image: AllowedImage | undefined,
  { gpu: rules }: Policy,
): GpuBinding {
  if (gpu === undefined) {
    const optional = rules.presence === 'optional' && digest === undefined
    list.judge('gpu.present', optional, 'gpu-missing', 'no GPU evidence')
    list.skip('gpu.count', 'no GPU evidence')
    list.skip('gpu.binding', 'no GPU evidence')
    return 'none'
  }
  // Switches are devices of the evidence too, and no GPU.
  list.judge('gpu.present', gpu.count > 0, 'gpu-missing', 'no GPU among the devices')
  const counted = rules.count === undefined || rules.count === gpu.count
  list.judge('gpu.count', counted, 'gpu-count', `${gpu.count} GPUs, ${rules.count} demanded`)
  const binding = bindingOf(gpu, digest, image)
  // A digest that names other evidence is no weaker binding: it is a contradiction.
  const contradicts = digest !== undefined && digest !== gpu.digest
  const strong = GPU_BINDINGS.indexOf(binding) >= GPU_BINDINGS.indexOf(rules.minBinding)
  const detail = contradicts
    ? 'the subject names other GPU evidence'
    : `${binding}, at least ${rules.minBinding} demanded`
  list.judge('gpu.binding', strong && !contradicts, 'gpu-binding', detail)
  return binding
}

function bindingOf(
  gpu: GpuSummary,
  digest: string | undefined,
  image: AllowedImage | undefined,
): GpuBinding {
  if (digest !== gpu.digest) return 'nonce-only'
  return image?.enforcesGpu === true ? 'cpu-report+measured-policy' : 'cpu-report'
}
