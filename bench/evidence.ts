import {
  type Collateral,
  DEFAULT_NVIDIA_POLICY,
  DEFAULT_POLICY,
  gpuEvidenceDigest,
  type ImagePreimage,
  imageHash,
  modelHash,
  PINNED_ANCHORS,
  type TrustAnchors,
  type VerifyInput,
  verifyEvidence,
  verifyGpus,
} from '#attestation'
import { unixSeconds } from '#base/brand.ts'
import { type Bytes, base64 } from '#base/bytes.ts'
import { forgeAmd } from '#dev/forge/amd.ts'
import { forgeIntel, type IntelForge } from '#dev/forge/intel.ts'
import { forgeNvidia } from '#dev/forge/nvidia.ts'

/** One verification of the next of several pieces of evidence, each over a nonce of its own; throws on a refusal. */
export type Verification = () => Promise<void>

export const NOW_SECONDS = 1_800_000_000
/** As many as Intel's list of the Platform CA had in January 2026. */
export const REVOKED = Array.from({ length: 51 }, (_, i) => 2n ** 150n + BigInt(i))

const EVIDENCES = 25
const MODEL = { id: 'bench', weights: `sha256:${'11'.repeat(32)}` }
const NOW = unixSeconds(NOW_SECONDS)

const random = (length: number): Bytes => crypto.getRandomValues(new Uint8Array(length))

function several<T>(make: () => Promise<T>): Promise<T[]> {
  return Promise.all(Array.from({ length: EVIDENCES }, make))
}

function inTurn<T>(items: readonly T[], run: (item: T) => Promise<void>): Verification {
  let next = 0
  return async () => {
    const item = items[next++ % items.length]
    if (item !== undefined) await run(item)
  }
}

/** Whole verdicts on a Genoa machine: chain, revocation list, report, TCB, policy, allowlist, claims. */
export async function snpVerdicts(): Promise<Verification> {
  const forge = await forgeAmd({ random, now: NOW_SECONDS })
  const measurement = random(48)
  const vek = base64(await forge.vek())
  const common = {
    image: { technology: 'sev-snp', measurement },
    anchors: { sev: [forge.root] },
    collateral: await forge.collateral(),
  } as const
  const inputs = await several(async () => {
    const reportData = random(64)
    const report = base64(await forge.report({ reportData, measurement }))
    return verdictInput({ ...common, tee: { type: 'sev-snp', report, vek }, reportData })
  })
  return inTurn(inputs, verdict)
}

export interface TdxMachine {
  readonly forge: IntelForge
  /** Version 5, TDX 1.5. */
  readonly quote: Bytes
}

/** Whole verdicts on a TDX 1.5 machine, and the machine for a peer. */
export async function tdxVerdicts(): Promise<TdxMachine & { verify: Verification }> {
  const forge = await forgeIntel({ random, now: NOW_SECONDS })
  const zero = new Uint8Array(48)
  const body = await forge.crl({ revoked: REVOKED })
  const list = { name: `intel/crl/${forge.authority}`, body, headers: {}, fetchedAt: NOW }
  const common = {
    image: { technology: 'tdx', mrtd: zero, rtmr1: zero, rtmr2: zero },
    anchors: { intel: [forge.root] },
    collateral: await forge.collateral({ [list.name]: list }),
  } as const
  const inputs = await several(async () => {
    const reportData = random(64)
    const quote = base64(await forge.quote({ version: 5, reportData }))
    return verdictInput({ ...common, tee: { type: 'tdx', quote }, reportData })
  })
  const quote = await forge.quote({ version: 5, reportData: random(64) })
  return { forge, quote, verify: inTurn(inputs, verdict) }
}

/**
 * Verdicts on one H100: device chain, SPDM signature and OCSP, and either two signed manifests with 34 measurements
 * (`local`) or the attestation service's tokens (`nras`).
 */
export async function gpuVerdicts(references: 'local' | 'nras'): Promise<Verification> {
  const forge = await forgeNvidia({ random, now: NOW_SECONDS })
  const entry = (name: string, body: Bytes) =>
    [name, { name, body, headers: {}, fetchedAt: NOW }] as const
  const jwks = entry(`nvidia/nras/jwks/${forge.kid}`, forge.keySet())
  const shared = [...(await forge.collateral()), jwks]
  const inputs = await several(async () => {
    const nonce = random(32)
    const evidence = await forge.evidence({ nonce })
    const name = `nvidia/nras/token/${await gpuEvidenceDigest(evidence.devices)}`
    const token = entry(name, await forge.nras({ nonce }))
    return { nonce, evidence, collateral: new Map([...shared, token]) }
  })
  const policy = { ...DEFAULT_NVIDIA_POLICY, references }
  const { anchors } = forge
  return inTurn(inputs, async ({ evidence, ...input }) => {
    const { checks } = await verifyGpus(evidence, { ...input, now: NOW, anchors, policy })
    if (checks.some(({ status }) => status === 'fail')) throw new Error('forged GPU refused')
  })
}

async function verdict(input: VerifyInput): Promise<void> {
  const { status } = await verifyEvidence(input)
  if (status !== 'simulated') throw new Error('the forged evidence was refused')
}

async function verdictInput(proof: {
  readonly tee: object
  readonly image: ImagePreimage
  readonly reportData: Bytes
  readonly anchors: Partial<TrustAnchors>
  readonly collateral: Collateral
}): Promise<VerifyInput> {
  const { tee, collateral, reportData } = proof
  return {
    evidence: { tee },
    collateral,
    now: NOW,
    anchors: { ...PINNED_ANCHORS, ...proof.anchors },
    expected: { reportData, model: MODEL, gpuNonce: random(32), gpuDigest: undefined },
    policy: {
      ...DEFAULT_POLICY,
      gpu: { ...DEFAULT_POLICY.gpu, presence: 'optional' },
      allowlist: {
        ...DEFAULT_POLICY.allowlist,
        readAt: NOW,
        version: 1,
        images: new Map([
          [await imageHash(proof.image), { enforcesWeights: false, enforcesGpu: false }],
        ]),
        models: new Set([await modelHash(MODEL.id, MODEL.weights)]),
      },
    },
  }
}
