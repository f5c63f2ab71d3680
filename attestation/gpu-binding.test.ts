import { beforeAll, describe, expect, test } from 'vitest'
import { unixSeconds } from '#base/brand.ts'
import { type Bytes, base64, hex } from '#base/bytes.ts'
import { type AmdForge, forgeAmd } from '#dev/forge/amd.ts'
import { forgeNvidia, type GpuEvidence, type NvidiaForge } from '#dev/forge/nvidia.ts'
import type { TrustAnchors } from './anchors.ts'
import type { Expected } from './appraise.ts'
import type { Collateral } from './collateral/entry.ts'
import { gpuEvidenceDigest, imageHash, platformHash } from './hashes.ts'
import { DEFAULT_POLICY, type Policy } from './policy.ts'
import { PINNED_ANCHORS } from './roots.ts'
import type { Verdict } from './verdict.ts'
import { failures, type VerifyInput, verifyEvidence } from './verify.ts'

const NOW = unixSeconds(1_790_000_000)
const random = (length: number): Bytes => crypto.getRandomValues(new Uint8Array(length))
const REPORT_DATA = random(64)
const MEASUREMENT = random(48)
const GPU_NONCE = random(32)

let amd: AmdForge
let machine: NvidiaForge
let gpu: GpuEvidence
let anchors: TrustAnchors
let collateral: Collateral
let policy: Policy
let digest: string
let image: string

beforeAll(async () => {
  amd = await forgeAmd({ random, now: NOW })
  machine = await forgeNvidia({ random, now: NOW, gpus: 2 })
  gpu = await machine.evidence({ nonce: GPU_NONCE })
  digest = await gpuEvidenceDigest(gpu.devices)
  anchors = { ...PINNED_ANCHORS, sev: [amd.root], ...machine.anchors }
  collateral = new Map([...(await amd.collateral()), ...(await machine.collateral())])
  image = await imageHash({ technology: 'sev-snp', measurement: MEASUREMENT })
  policy = {
    ...DEFAULT_POLICY,
    allowlist: {
      ...DEFAULT_POLICY.allowlist,
      readAt: NOW,
      images: new Map([[image, { enforcesWeights: false, enforcesGpu: false }]]),
    },
    models: 'any',
  }
})

const wire = ({ arch, devices }: GpuEvidence) => ({
  arch,
  nonce: '00'.repeat(32),
  devices: devices.map(({ evidence, certificate }) => {
    return { evidence: base64(evidence), certificate: base64(certificate) }
  }),
})

interface Case extends Partial<VerifyInput> {
  readonly gpu?: GpuEvidence
  readonly expect?: Partial<Expected>
}

async function verify({
  gpu: given = gpu,
  expect: expected = {},
  ...rest
}: Case = {}): Promise<Verdict> {
  const report = await amd.report({ reportData: REPORT_DATA, measurement: MEASUREMENT })
  return verifyEvidence({
    evidence: {
      tee: { type: 'sev-snp', report: base64(report), vek: base64(await amd.vek()), chain: [] },
      gpu: wire(given),
    },
    collateral,
    now: NOW,
    anchors,
    expected: {
      reportData: REPORT_DATA,
      model: undefined,
      gpuNonce: GPU_NONCE,
      gpuDigest: digest,
      ...expected,
    },
    policy,
    ...rest,
  })
}

async function failed(item: Case): Promise<string[]> {
  return failures((await verify(item)).checks).map(({ id, code }) => `${id} ${code}`)
}

describe('GPUs bound to the processor’s report', () => {
  test('are attested, counted and named', async () => {
    const verdict = await verify()
    if (verdict.status === 'refused') throw new Error(JSON.stringify(failures(verdict.checks)))
    expect(verdict.status).toBe('simulated')
    expect(verdict.claims.gpu_binding).toBe('cpu-report')
    expect(verdict.claims.gpu_attested.status).toBe('asserted')
    const ids = machine.devices.map(({ leaf }) => `nvidia:${leaf.serial}`)
    expect(verdict.attested.gpus.map(({ hardware }) => hardware)).toEqual(ids)
  })

  test('by an image that verifies its GPUs are bound by measured policy', async () => {
    const images = new Map([[image, { enforcesWeights: false, enforcesGpu: true }]])
    const measured = { ...policy, allowlist: { ...policy.allowlist, images } }
    const verdict = await verify({ policy: measured })
    expect(verdict).toMatchObject({ claims: { gpu_binding: 'cpu-report+measured-policy' } })
  })

  test('only by the nonce are refused by default: such evidence can be relayed from elsewhere', async () => {
    expect(await failed({ expect: { gpuDigest: undefined } })).toEqual(['gpu.binding gpu-binding'])
    const weak: Policy = { ...policy, gpu: { ...policy.gpu, minBinding: 'nonce-only' } }
    const verdict = await verify({ expect: { gpuDigest: undefined }, policy: weak })
    expect(verdict).toMatchObject({ claims: { gpu_binding: 'nonce-only' } })
  })

  test('are refused when the subject names other evidence, under any policy', async () => {
    const weak: Policy = { ...policy, gpu: { ...policy.gpu, minBinding: 'none' } }
    const other = { expect: { gpuDigest: hex(random(32)) } }
    expect(await failed(other)).toEqual(['gpu.binding gpu-binding'])
    expect(await failed({ ...other, policy: weak })).toEqual(['gpu.binding gpu-binding'])
  })

  test('are refused when one is left out, doubled, or in another order than the digest says', async () => {
    const [first, second] = gpu.devices
    if (first === undefined || second === undefined) throw new Error('no devices')
    const devices = (...list: GpuEvidence['devices']): Case => ({
      gpu: { arch: gpu.arch, devices: list },
    })
    expect(await failed(devices(first))).toEqual(['gpu.binding gpu-binding'])
    expect(await failed(devices(second, first))).toEqual(['gpu.binding gpu-binding'])
    expect(await failed(devices(first, first))).toEqual(['gpu.distinct duplicate-device'])
  })

  test('are refused over another session’s nonce; the nonce in the evidence counts for nothing', async () => {
    expect(await failed({ expect: { gpuNonce: new Uint8Array(32) } })).toEqual(['gpu.nonce nonce'])
  })

  test('must be GPUs: a genuine switch alone is none', async () => {
    const board = await forgeNvidia({ random, now: NOW, gpus: 1, switches: 1 })
    const lone = { ...(await board.evidence({ nonce: GPU_NONCE, pick: [1] })), arch: 'LS10' }
    const item: Case = {
      gpu: lone,
      anchors: { ...anchors, ...board.anchors },
      collateral: new Map([...collateral, ...(await board.collateral())]),
      expect: { gpuDigest: await gpuEvidenceDigest(lone.devices) },
    }
    expect(await failed(item)).toEqual(['gpu.present gpu-missing'])
  })

  test('of which one was denied are refused, like a denied processor (H12)', async () => {
    const [, second] = machine.devices
    const denied = new Set([await platformHash(`nvidia:${second?.leaf.serial}`)])
    const strict: Policy = { ...policy, allowlist: { ...policy.allowlist, denied } }
    expect(await failed({ policy: strict })).toEqual([
      'evidence.platform-denied measurement-denied',
    ])
  })

  test('must be as many as the policy says', async () => {
    const counted: Policy = { ...policy, gpu: { ...policy.gpu, count: 8 } }
    expect(await failed({ policy: counted })).toEqual(['gpu.count gpu-count'])
  })
})

describe('trust', () => {
  test('forged GPUs are refused under the pinned roots, whatever the processor’s roots', async () => {
    expect(await failed({ anchors: { ...PINNED_ANCHORS, sev: [amd.root] } })).toEqual([
      'gpu.chain untrusted-root',
    ])
  })

  test('development roots never make a verdict "verified"', async () => {
    const verdict = await verify({ anchors: { ...anchors } })
    expect(verdict.status).toBe('simulated')
  })

  test('a verdict ends with the GPUs’ collateral when that ends first', async () => {
    const soon = new Map([...collateral, ...(await machine.collateral(NOW - 82_800 + 30))])
    const verdict = await verify({ collateral: soon })
    expect(verdict).toMatchObject({ validUntil: NOW + 30 })
  })
})
