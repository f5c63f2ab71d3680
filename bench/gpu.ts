import { DEFAULT_NVIDIA_POLICY, gpuEvidenceDigest, verifyGpus } from '#attestation'
import { unixSeconds } from '#base/brand.ts'
import { forgeNvidia } from '#dev/forge/nvidia.ts'
import { leastCpuUs, type Section } from './section.ts'

const NOW_SECONDS = 1_800_000_000
const MODES = ['local', 'nras'] as const

/**
 * A verdict on one H100, warm, every time over a fresh nonce: device chain, SPDM signature, two signed manifests, 34
 * measurements, six OCSP answers; and the same by the attestation service's tokens.
 */
export async function gpuSection(quick: boolean): Promise<Section> {
  const rows: string[][] = []
  for (const mode of MODES) rows.push([`H100, ${mode}`, await costOf(mode, quick)])
  return {
    title: 'Attestation: CPU per GPU verdict, warm, one core',
    header: ['evidence', 'CPU'],
    rows,
    note: 'Signatures of shared collateral are verified once; those of evidence and tokens every time.',
  }
}

async function costOf(references: (typeof MODES)[number], quick: boolean): Promise<string> {
  const random = (length: number) => crypto.getRandomValues(new Uint8Array(length))
  const forge = await forgeNvidia({ random, now: NOW_SECONDS })
  const count = quick ? 20 : 50
  const now = unixSeconds(NOW_SECONDS)
  const entry = (name: string, body: Uint8Array<ArrayBuffer>) =>
    [name, { name, body, headers: {}, fetchedAt: now }] as const
  const shared = [
    ...(await forge.collateral()),
    entry(`nvidia/nras/jwks/${forge.kid}`, forge.keySet()),
  ]
  const inputs = await Promise.all(
    Array.from({ length: count }, async () => {
      const nonce = random(32)
      const evidence = await forge.evidence({ nonce })
      const name = `nvidia/nras/token/${await gpuEvidenceDigest(evidence.devices)}`
      const collateral = new Map([...shared, entry(name, await forge.nras({ nonce }))])
      return { nonce, evidence, collateral }
    }),
  )
  const policy = { ...DEFAULT_NVIDIA_POLICY, references }
  const verify = async ({
    nonce,
    evidence,
    collateral,
  }: (typeof inputs)[number]): Promise<void> => {
    const anchors = forge.anchors
    const { checks } = await verifyGpus(evidence, { collateral, now, anchors, policy, nonce })
    if (checks.some(({ status }) => status === 'fail')) throw new Error('refused')
  }
  const least = await leastCpuUs(quick ? 3 : 6, count, async () => {
    for (const input of inputs) await verify(input)
  })
  return `${(least / 1000).toFixed(2)} ms`
}
