import { expect, test } from 'vitest'
import { fuzz } from './engine/fuzz.ts'
import { FULL_RUN } from './engine/target.ts'
import { allTargets } from './targets/index.ts'

/** The million of each is `node tests/fuzz/main.ts`: this is a twentieth, with other inputs than the quick run’s. */
const INPUTS = 50_000
const GUIDED = 5_000
const SEED = 7

test.each(await allTargets())('$name: taken or refused, and nothing else', async (target) => {
  const inputs = Math.ceil((INPUTS * target.inputs) / FULL_RUN)
  const { findings } = await fuzz(target, { inputs, seed: SEED, guided: GUIDED })
  expect(
    findings.map(({ why, input }) => ({ why, input: Buffer.from(input).toString('base64') })),
  ).toEqual([])
})
