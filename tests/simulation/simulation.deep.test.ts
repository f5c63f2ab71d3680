import { expect, test } from 'vitest'
import { runSimulation } from './run-simulation.ts'

const CRASHES = 10_000
const STEPS = 10_000

test('ten thousand crashes, with whatever else goes wrong, lose and invent no nano', async () => {
  let [crashes, seed] = [0, 1_000]
  for (; crashes < CRASHES; seed++) {
    crashes += (await runSimulation({ seed, steps: STEPS })).crashes
  }
  expect(crashes).toBeGreaterThanOrEqual(CRASHES)
})
