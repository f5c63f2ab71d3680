import { setTimeout as sleep } from 'node:timers/promises'
import { unixMs } from '#base/brand.ts'
import type { RunnerDeps } from './start-runner.ts'

export { attestOnce } from './attest/attest-once.ts'
export { ConfigError, type RunnerConfig, readRunnerConfig, runnerEnvironment } from './config.ts'
export { MemoryError, stopCoreDumps } from './core-dumps.ts'
export { EngineError } from './engine/engine-error.ts'
export { type OpenedEngine, openEngine } from './engine/open-engine.ts'
export { verifiedWeights, verityDigest } from './engine/verity-weights.ts'
export { measureWeights, type Weights, weightsManifest } from './engine/weights.ts'
export type { VerifyVoucher, Voucher } from './lease/keep-lease.ts'
export { openOutbox } from './outbox/outbox.ts'
export { type OutboxView, readOutbox } from './outbox/read-outbox.ts'
export { gpuTools } from './quote/gpu-tools.ts'
export { NO_GPU, openNvidia } from './quote/nvidia.ts'
export { QuoteError, type QuoteErrorCode } from './quote/quote-error.ts'
export type { GpuEvidence, Quoter } from './quote/quoter.ts'
export { openTsmQuoter, TSM_ROOT } from './quote/tsm.ts'
export type { Log, Wait } from './runtime.ts'
export { SETTINGS } from './settings.ts'
export { type Runner, type RunnerDeps, startRunner } from './start-runner.ts'

/** The real clock, randomness, network and log of a process: everything but TEE and contracts. */
export function processDeps(): Omit<RunnerDeps, 'quoter' | 'verifyVoucher'> {
  return {
    clock: () => unixMs(Date.now()),
    random: (length) => crypto.getRandomValues(new Uint8Array(length)),
    fetch: globalThis.fetch,
    wait: (ms, signal) => sleep(ms, undefined, { signal }).catch(() => {}),
    log: (level, event, fields) => {
      process.stderr.write(`${JSON.stringify({ at: Date.now(), level, event, ...fields })}\n`)
    },
  }
}
