import { parseArgs } from 'node:util'
import { GUARDS } from './guards.ts'
import { RunFailure, runSimulation } from './run-simulation.ts'

/**
 * Runs seeds one after another: `node tests/simulation/main.ts --seed 1 --seeds 10 --steps 20000`. A failure says how to replay
 * it; `--without NAME` breaks one guard of `guards.ts`.
 */
const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    seeds: { type: 'string', default: '1' },
    steps: { type: 'string', default: '20000' },
    without: { type: 'string' },
    acts: { type: 'boolean', default: false },
  },
})
const guard = GUARDS.find(({ name }) => name === values.without)
if (values.without !== undefined && guard === undefined) {
  process.stderr.write(`guards:\n${GUARDS.map(({ name }) => `  ${name}`).join('\n')}\n`)
  process.exit(2)
}
const first = Number(values.seed)
const began = performance.now()
let [steps, crashes, settlements] = [0, 0, 0]
try {
  for (let seed = first; seed < first + Number(values.seeds); seed++) {
    const report = await runSimulation({ seed, steps: Number(values.steps), ...guard?.broken })
    steps += report.steps
    crashes += report.crashes
    settlements += report.settlements
    const seconds = (performance.now() - began) / 1000
    const rate = Math.round(steps / seconds)
    process.stdout.write(
      `seed ${seed}: ${steps} steps, ${crashes} crashes, ${settlements} settlements, ${rate} steps/s\n`,
    )
    if (values.acts) {
      for (const [name, count] of report.acts) process.stdout.write(`  ${count} ${name}\n`)
    }
  }
} catch (error) {
  if (!(error instanceof RunFailure)) throw error
  process.stderr.write(`${error.message}\n`)
  process.exitCode = 1
}
