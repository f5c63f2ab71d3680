import { runPart } from '#dev/world/part.ts'
import type { RunnerSettings } from '#dev/world/runner-process.ts'
import {
  openSimulatedTee,
  type SimulatedTeeData,
  simulatedQuoter,
} from '#dev/world/simulated-tee.ts'
import { processDeps, startRunner } from '#enclave-runner/main.ts'

export interface RunnersSettings {
  readonly tee: SimulatedTeeData
  readonly runners: readonly Omit<RunnerSettings, 'tee'>[]
}

/** Many real runners in one process, each on a machine of its own with its own keys, outbox, tunnel and lease. */
runPart<RunnersSettings, Record<string, never>>(async ({ tee, runners }) => {
  const machines = await openSimulatedTee(tee)
  const deps = processDeps()
  const started = await Promise.all(
    runners.map(({ config, machine }) =>
      startRunner(config, {
        ...deps,
        quoter: simulatedQuoter(machines, machine),
        verifyVoucher: () => true,
        log: (level, event, fields) => {
          if (level !== 'info') deps.log(level, event, fields)
        },
      }),
    ),
  )
  const close = async (): Promise<void> => {
    await Promise.all(started.map((runner) => runner.close(0)))
  }
  return { ready: {}, close }
})
