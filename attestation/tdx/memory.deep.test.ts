import process from 'node:process'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import { appraiseTdx } from './appraise.ts'
import { parseTdxEvidence } from './evidence.ts'
import { DEFAULT_TDX_POLICY } from './policy.ts'
import { proveTdx } from './prove.ts'
import { NOW, tdxForge } from './testing/judge.ts'

const MAX_GROWTH_BYTES = 2_000_000

test('memory is flat over 5,000 verifications after warm-up', async () => {
  setFlagsFromString('--expose-gc')
  // Sound: the flag just set defines `gc` in new contexts.
  const collectGarbage = runInNewContext('gc') as () => void
  const forge = await tdxForge()
  const quote = await forge.quote()
  const collateral = await forge.collateral()
  const heapAfter = async (runs: number): Promise<number> => {
    for (let i = 0; i < runs; i++) {
      const evidence = parseTdxEvidence({ quote })
      const proof = await proveTdx({ evidence, collateral, now: NOW, anchors: [forge.root] })
      if (!proof.proven) throw new Error('refused')
      appraiseTdx(proof.facts, DEFAULT_TDX_POLICY)
    }
    collectGarbage()
    collectGarbage()
    return process.memoryUsage().heapUsed
  }
  const before = await heapAfter(1_000)
  const after = await heapAfter(5_000)
  expect(after - before).toBeLessThan(MAX_GROWTH_BYTES)
})
