import { expect, test } from 'vitest'
import { GUARDS } from './guards.ts'
import { RunFailure, runSimulation } from './run-simulation.ts'
import { Simulation } from './simulation.ts'

/** A sample of what `simulation.deep.test.ts` does at length. */
test('crashes, faults, lies and departures lose and invent no nano (a short run)', async () => {
  const { crashes, settlements } = await runSimulation({ seed: 1, steps: 500 })
  expect(crashes).toBeGreaterThan(5)
  expect(settlements).toBeGreaterThan(10)
})

test('the same seed does the same, to the last nano', async () => {
  const run = () => runSimulation({ seed: 2, steps: 80 })
  const [first, second] = [await run(), await run()]
  expect(second.fingerprint).toBe(first.fingerprint)
})

test.each(GUARDS)('the control “$name” still finds what it takes away', ({ broken }) => {
  expect(() => new Simulation({ seed: 1, ...broken }).close()).not.toThrow()
})

const QUICK = [
  'an attempt is settled once',
  'a credit is taken over once',
  'a voucher waits until its debit is collected',
  'what was answered is on the disk',
]

test.each(QUICK)(
  'negative control: without “%s” a run fails and says how to repeat it',
  async (name) => {
    const guard = GUARDS.find((one) => one.name === name)
    const run = runSimulation({ seed: 1, steps: 600, ...guard?.broken })
    const failure = await run.catch((error: unknown) => error)
    expect(failure).toBeInstanceOf(RunFailure)
    expect(String(failure)).toMatch(/replay: node tests\/simulation\/main\.ts --seed 1 --steps \d+/)
  },
)
