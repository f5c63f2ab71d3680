import { verifyVoucher } from '#contracts/pure'
import { processDeps, type RunnerConfig, startRunner } from '#enclave-runner/main.ts'
import { runPart } from './part.ts'
import { openSimulatedTee, type SimulatedTeeData, simulatedQuoter } from './simulated-tee.ts'

export interface RunnerSettings {
  readonly config: RunnerConfig
  readonly tee: SimulatedTeeData
  /** Which of its machines this runner has. */
  readonly machine: number
}

export interface RunnerReady {
  /** Where it listens; undefined when it dials out. */
  readonly origin: string | undefined
}

runPart<RunnerSettings, RunnerReady>(async ({ config, tee, machine }) => {
  const quoter = simulatedQuoter(await openSimulatedTee(tee), machine)
  const deps = processDeps()
  const runner = await startRunner(config, {
    ...deps,
    quoter,
    verifyVoucher,
    // The terminal is the newcomer's: it shows what needs attention.
    log: (level, event, fields) => {
      if (level !== 'info') deps.log(level, event, fields)
    },
  })
  return { ready: { origin: runner.origin }, close: () => runner.close() }
})
