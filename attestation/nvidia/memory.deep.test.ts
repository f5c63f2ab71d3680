import process from 'node:process'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import { forgeNvidia } from '#dev/forge/nvidia.ts'
import { failed, NOW, random, verdictOf } from '../testing/gpu-verdict.ts'

const MAX_GROWTH_BYTES = 2_000_000

test('memory is flat over 5,000 GPU verdicts after warm-up', async () => {
  setFlagsFromString('--expose-gc')
  // Sound: the flag just set defines `gc` in new contexts.
  const collectGarbage = runInNewContext('gc') as () => void
  const forge = await forgeNvidia({ random, now: NOW })
  const collateral = await forge.collateral()
  const nonce = random(32)
  const evidence = await forge.evidence({ nonce })
  const heapAfter = async (runs: number): Promise<number> => {
    for (let i = 0; i < runs; i++) {
      const { checks } = await verdictOf(forge, evidence, collateral, { nonce })
      if (failed(checks).length > 0) throw new Error('refused')
    }
    collectGarbage()
    collectGarbage()
    return process.memoryUsage().heapUsed
  }
  const before = await heapAfter(1_000)
  const after = await heapAfter(5_000)
  expect(after - before).toBeLessThan(MAX_GROWTH_BYTES)
})
