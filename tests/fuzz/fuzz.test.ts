import { expect, test } from 'vitest'
import { fuzz } from './engine/fuzz.ts'
import { FULL_RUN } from './engine/target.ts'
import { allTargets } from './targets/index.ts'

/** A sample of what `node tests/fuzz/main.ts` runs: signatures take their smaller share here too. */
const INPUTS = 1_000
const SEED = 20_261_128

const targets = await allTargets()

test('no two targets share a name', () => {
  expect(new Set(targets.map(({ name }) => name)).size).toBe(targets.length)
})

test.each(targets)('$name: taken or refused, and nothing else', async (target) => {
  const inputs = Math.ceil((INPUTS * target.inputs) / FULL_RUN)
  const { findings } = await fuzz(target, { inputs, seed: SEED, guided: 0 })
  expect(
    findings.map(({ why, input }) => ({ why, input: Buffer.from(input).toString('base64') })),
  ).toEqual([])
})
