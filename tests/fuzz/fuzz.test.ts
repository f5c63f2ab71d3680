import { afterAll, expect, test } from 'vitest'
import { checkGenuine, fuzz } from './engine/fuzz.ts'
import { openScout } from './engine/scout.ts'
import { FULL_RUN } from './engine/target.ts'
import { allTargets, FORMATS } from './targets/index.ts'

/** A sample of what `node tests/fuzz/main.ts` runs: signatures take their smaller share here too. */
const INPUTS = 1_000
const SEED = 20_261_128

const targets = await allTargets()
const scout = openScout()
afterAll(() => scout.close())

test('no two targets share a name, or the file of their progress', () => {
  const names = targets.map(({ name }) => name.replaceAll(/[^a-z0-9]+/gi, '-'))
  expect(new Set(names).size).toBe(targets.length)
})

test('every format from outside has its target', () => {
  const names = new Set(targets.map(({ name }) => name))
  expect(
    Object.values(FORMATS)
      .flat()
      .filter((name) => !names.has(name)),
  ).toEqual([])
})

test.each(targets)('$name: taken or refused, and nothing else', async (target) => {
  const { findings } = await fuzz(target, {
    inputs: Math.ceil((INPUTS * target.inputs) / FULL_RUN),
    seed: SEED,
    countSteps: (input) => scout.steps(target.name, input),
  })
  expect(
    [...(await checkGenuine(target)), ...findings].map(({ why, input }) => ({
      why,
      input: Buffer.from(input).toString('base64'),
    })),
  ).toEqual([])
})
