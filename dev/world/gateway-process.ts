import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Collateral, TrustAnchors } from '#attestation'
import {
  createPinoLog,
  type GatewayConfig,
  processDeps,
  readMigrations,
  startGateway,
} from '#gateway/node.ts'
import { runPart } from './part.ts'

export interface GatewaySettings {
  readonly config: GatewayConfig
  /** Roots and collateral of this world's simulated machine. */
  readonly anchors: TrustAnchors
  readonly collateral: Collateral
}

export interface GatewayReady {
  readonly origin: string
}

const ROOT = join(import.meta.dirname, '..', '..')

runPart<GatewaySettings, GatewayReady>(async ({ config, anchors, collateral }) => {
  const gateway = await startGateway({
    config,
    deps: {
      ...processDeps(),
      log: createPinoLog(config.logLevel),
      openapi: readFileSync(join(ROOT, 'openapi.yaml'), 'utf8'),
      migrations: readMigrations(join(ROOT, 'migrations')),
      simulation: { anchors, collateral },
    },
  })
  return { ready: { origin: gateway.origin }, close: () => gateway.close() }
})
