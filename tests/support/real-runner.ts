import { join } from 'node:path'
import { parseTon } from '#base/nano.ts'
import { type SimulatedTee, simulatedQuoter } from '#dev/world/simulated-tee.ts'
import {
  processDeps,
  type Runner,
  type RunnerConfig,
  type RunnerDeps,
  startRunner,
} from '#enclave-runner/main.ts'
import { MODEL, PAYEE, WEIGHTS } from '#gateway/testing/world.ts'
import { newFolder } from './open-world.ts'

const WAIT_MS_MAX = 60_000

/** The runner itself, in this process, on one of a test world's machines; it dials out unless told otherwise. */
export async function startRealRunner(
  tee: SimulatedTee,
  gateways: readonly string[],
  change: Partial<RunnerConfig> & { readonly machine?: number } = {},
  deps: Partial<RunnerDeps> = {},
): Promise<Runner> {
  const { machine = 0, ...settings } = change
  return startRunner(realRunnerConfig(gateways, settings), {
    ...processDeps(),
    quoter: simulatedQuoter(tee, machine),
    verifyVoucher: () => true,
    log: () => {},
    ...deps,
  })
}

function realRunnerConfig(
  gateways: readonly string[],
  change: Partial<RunnerConfig> = {},
): RunnerConfig {
  return {
    production: false,
    transport: { kind: 'tunnel' },
    gateways,
    payee: PAYEE,
    model: {
      id: MODEL,
      weights: WEIGHTS,
      contextLength: undefined,
      maxOutputTokens: undefined,
      priceCoefficientBps: 10_000,
      inputModalities: ['text'],
    },
    engine: { kind: 'scripted', script: 'c3g0' },
    capacity: 64,
    outboxPath: join(newFolder(), 'outbox'),
    creditLimit: parseTon('100'),
    keysetSeconds: 3600,
    ...change,
  }
}

/** Waits until so many runners of a gateway may get work. @returns their ids */
export async function awaitAvailable(gateway: string, count: number): Promise<readonly string[]> {
  const end = performance.now() + WAIT_MS_MAX
  while (performance.now() < end) {
    const response = await fetch(`${gateway}/v1/runners`)
    // Sound: openapi.yaml says so, and a test holds routes and description equal.
    const { data } = (await response.json()) as { data: { id: string; available: boolean }[] }
    const ready = data.filter(({ available }) => available)
    if (ready.length === count) return ready.map(({ id }) => id)
    await new Promise((next) => setTimeout(next, 20))
  }
  throw new Error(`the gateway does not have ${count} available runners`)
}
