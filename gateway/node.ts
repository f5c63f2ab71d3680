import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { unixMs } from '#base/brand.ts'
import type { Migration } from './db/migrate.ts'
import { createRandom } from './node/random.ts'
import type { GatewayDeps } from './node/start-gateway.ts'

export { type FetchKeysDeps, fetchKeys, KeyReleaseError } from './attest/fetch-keys.ts'
export { readKeyServiceSettings } from './attest/key-service-settings.ts'
export type { Machine } from './attest/machine.ts'
export { pinnedImages } from './attest/pinned-images.ts'
export { createKeyService } from './attest/release-keys.ts'
export { readReleasedSettings } from './attest/released-settings.ts'
export type { SimulationTrust } from './compose/compose-market.ts'
export { ConfigError, type GatewayConfig, readGatewayConfig } from './config.ts'
export { createPinoLog } from './node/pino-log.ts'
export { type GatewayDeps, type RunningGateway, startGateway } from './node/start-gateway.ts'
export { SETTINGS } from './settings.ts'

/** What this process itself gives to a gateway: its clock, randomness and network. */
export function processDeps(): Pick<
  GatewayDeps,
  'clock' | 'timer' | 'random' | 'chance' | 'everyTick' | 'fetch'
> {
  return {
    clock: () => unixMs(Date.now()),
    timer: () => performance.now(),
    random: createRandom(),
    chance: Math.random,
    everyTick: (periodMs, tick) => {
      const timer = setInterval(tick, periodMs)
      timer.unref()
      return () => clearInterval(timer)
    },
    fetch: globalThis.fetch,
  }
}

/** Reads `migrations/*.sql`. @param folder absolute path */
export function readMigrations(folder: string): readonly Migration[] {
  return readdirSync(folder)
    .filter((file) => file.endsWith('.sql'))
    .map((file) => ({
      name: file.slice(0, -'.sql'.length),
      sql: readFileSync(join(folder, file), 'utf8'),
    }))
}
