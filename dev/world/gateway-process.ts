import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Collateral, TrustAnchors } from '#attestation'
import { toSeconds } from '#base/brand.ts'
import { simulationJson } from '#client'
import {
  createPinoLog,
  type GatewayConfig,
  processDeps,
  readMigrations,
  startGateway,
} from '#gateway/node.ts'
import { openPages } from '#web/node.ts'
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
      pages: await openPages({
        root: ROOT,
        registry: config.chain.registry,
        endpoints: config.chain.webEndpoints,
        network: 'local',
        simulation: simulationJson({
          anchors,
          collateral,
          created: toSeconds(processDeps().clock()),
        }),
      }),
      migrations: readMigrations(join(ROOT, 'migrations')),
      simulation: { anchors, collateral },
    },
  })
  return { ready: { origin: gateway.origin }, close: () => gateway.close() }
})
