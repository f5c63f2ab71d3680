import { afterAll, expect, test } from 'vitest'
import { runTarget } from './engine/run-target.ts'
import { openScout } from './engine/scout.ts'
import { FULL_RUN } from './engine/target.ts'
import { allTargets } from './targets/index.ts'

/** The million of each is `node tests/fuzz/main.ts`: this is the same with a hundredth, and other inputs. */
const INPUTS = 10_000
const GUIDED = 1_000
const SEED = 7

const scout = openScout()
afterAll(() => scout.close())

test.each(await allTargets())('$name: taken or refused, and nothing else', async (target) => {
  const { findings } = await runTarget(target, {
    inputs: Math.ceil((INPUTS * target.inputs) / FULL_RUN),
    seed: SEED,
    guided: GUIDED,
    scout,
  })
  expect(
    findings.map(({ why, input }) => ({ why, input: Buffer.from(input).toString('base64') })),
  ).toEqual([])
})
