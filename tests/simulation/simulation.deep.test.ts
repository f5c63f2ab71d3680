import { expect, test } from 'vitest'
import { runSimulation } from './run-simulation.ts'

/** Ten thousand in all. Each part begins at seeds of its own, and says how far it came. */
const PARTS = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10].map((part) => part * 1_000)
const CRASHES = 1_000
const STEPS = 10_000

test('a seed does the same again, over days and restarts', async () => {
  const run = () => runSimulation({ seed: 50_003, steps: STEPS })
  const [first, second] = [await run(), await run()]
  expect(second.fingerprint).toBe(first.fingerprint)
})

test.each(PARTS)(
  'a thousand crashes, with whatever else goes wrong, lose and invent no nano (seeds from %i)',
  async (first) => {
    let [crashes, settlements, seed] = [0, 0, first]
    for (; crashes < CRASHES; seed++) {
      const run = await runSimulation({ seed, steps: STEPS })
      crashes += run.crashes
      settlements += run.settlements
    }
    const steps = (seed - first) * STEPS
    process.stdout.write(
      `seeds ${first} to ${seed - 1}: ${steps} steps, ${crashes} crashes, ${settlements} settlements\n`,
    )
    expect(settlements).toBeGreaterThan(crashes)
  },
)
