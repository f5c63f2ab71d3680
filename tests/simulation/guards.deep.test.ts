import { expect, test } from 'vitest'
import { GUARDS } from './guards.ts'
import { RunFailure, runSimulation } from './run-simulation.ts'

/** The rarest of the faults shows in one run of six. */
const SEEDS = Array.from({ length: 32 }, (_, i) => i + 1)
const STEPS = 3_000

test.each(GUARDS)('negative control: without “$name” a run fails', async ({ broken }) => {
  for (const seed of SEEDS) {
    const failure = await runSimulation({ seed, steps: STEPS, ...broken }).catch(
      (error: unknown) => error,
    )
    if (!(failure instanceof Error)) continue
    expect(failure).toBeInstanceOf(RunFailure)
    return
  }
  expect.unreachable(`nobody notices in ${SEEDS.length} runs of ${STEPS} steps`)
})
