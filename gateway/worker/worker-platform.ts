import { toSeconds } from '#base/brand.ts'
import { webProvider } from '#protocol'
import { signerFromSeed, workerdProvider } from '#protocol/workerd'
import type { Platform } from '../compose/platform.ts'
import { createConsoleLog } from './console-log.ts'
import { type CountingMetrics, type Counts, createCountingMetrics } from './counting-metrics.ts'
import type { WorkerHost } from './host.ts'
import { ledgerOf } from './ledger-of.ts'
import { objectsOf } from './objects.ts'
import { readWorkerSettings, type WorkerSettings } from './settings.ts'

export interface WorkerPlatform extends Platform {
  readonly settings: WorkerSettings
  readonly metrics: CountingMetrics
}

/**
 * What every part of the gateway gets in a Worker and in its objects.
 * @param counts what the metrics go on from
 * @throws ConfigError
 */
export function openWorkerPlatform(
  host: WorkerHost,
  env: Cloudflare.Env,
  counts?: Counts,
): WorkerPlatform {
  const { clock, random } = host
  const settings = readWorkerSettings(env, toSeconds(clock()))
  const { config, publicUrl } = settings
  const { meterSeed } = config.chain
  return {
    settings,
    config,
    publicUrl,
    provider: workerdProvider,
    verifier: webProvider,
    ledger: ledgerOf(objectsOf(env)),
    meter: meterSeed === undefined ? undefined : signerFromSeed('meter', meterSeed),
    metrics: createCountingMetrics(clock, counts),
    // Cloudflare stops a Worker when it likes, and tells nobody; the operator may.
    closing: { aborted: settings.isPaused },
    clock,
    // Workers have no finer clock than this one, and none that runs while they compute.
    timer: clock,
    random,
    log: createConsoleLog(config.logLevel, host.write),
  }
}
