import { expect, test } from 'vitest'
import { forgeNvidia } from '#dev/forge/nvidia.ts'
import { gpuEvidenceDigest } from '../hashes.ts'
import {
  entry,
  failed,
  NONCE,
  NOW,
  random,
  verdictOf,
  withEntries,
} from '../testing/gpu-verdict.ts'

test('in workerd: local and remote judgement pass, a stranger’s token and root do not', async () => {
  const forge = await forgeNvidia({ random, now: NOW })
  const evidence = await forge.evidence({ nonce: NONCE })
  const token = `nvidia/nras/token/${await gpuEvidenceDigest(evidence.devices)}`
  const collateral = withEntries(await forge.collateral(), [
    entry(token, await forge.nras({ nonce: NONCE })),
    entry(`nvidia/nras/jwks/${forge.kid}`, forge.keySet()),
  ])
  const policy = { references: 'both' } as const
  expect(failed((await verdictOf(forge, evidence, collateral, { policy })).checks)).toEqual([])
  const stranger = await forgeNvidia({ random, now: NOW })
  const { signer } = stranger.authorities.nrasLeaf
  const bad = withEntries(collateral, [entry(token, await forge.nras({ nonce: NONCE, signer }))])
  expect(failed((await verdictOf(forge, evidence, bad, { policy })).checks)).toEqual([
    'nras.signature token-signature',
  ])
  const altered = await verdictOf(forge, evidence, collateral, { anchors: stranger.anchors })
  expect(failed(altered.checks)).toEqual(['gpu.chain untrusted-root'])
})
