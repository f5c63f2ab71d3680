import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import { unixSeconds } from '#base/brand.ts'
import { forgeAmd } from '#dev/forge/amd.ts'
import { appraiseSev } from './appraise.ts'
import { parseSevEvidence } from './evidence.ts'
import { DEFAULT_SEV_POLICY } from './policy.ts'
import { proveSev } from './prove.ts'

const NOW = 1_764_000_000
const MAX_GROWTH_BYTES = 2_000_000

test('memory is flat over 5,000 verifications after warm-up', async () => {
  setFlagsFromString('--expose-gc')
  const collectGarbage = runInNewContext('gc') as () => void
  const random = (length: number) => crypto.getRandomValues(new Uint8Array(length))
  const forge = await forgeAmd({ random, now: NOW })
  const report = await forge.report()
  const vek = await forge.vek()
  const collateral = await forge.collateral()
  const verify = async (): Promise<void> => {
    const evidence = parseSevEvidence({ report, vek })
    const proof = await proveSev({
      evidence,
      collateral,
      now: unixSeconds(NOW),
      anchors: [forge.root],
    })
    if (!proof.proven) throw new Error('refused')
    appraiseSev(proof.facts, DEFAULT_SEV_POLICY)
  }
  const heapAfter = async (runs: number): Promise<number> => {
    for (let i = 0; i < runs; i++) await verify()
    collectGarbage()
    collectGarbage()
    return process.memoryUsage().heapUsed
  }
  const before = await heapAfter(1_000)
  const after = await heapAfter(5_000)
  expect(after - before).toBeLessThan(MAX_GROWTH_BYTES)
})
