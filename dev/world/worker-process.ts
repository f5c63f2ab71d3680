import { simulationJson } from '#attestation'
import { unixSeconds } from '#base/brand.ts'
import { settingsOf } from '../workerd/settings-of.ts'
import { startWorkerd } from '../workerd/start-workerd.ts'
import type { GatewayReady, GatewaySettings } from './gateway-process.ts'
import { runPart } from './part.ts'

export interface WorkerSettings extends GatewaySettings {
  /** Where its objects keep their data. */
  readonly folder: string
}

/** The same gateway on workerd. */
runPart<WorkerSettings, GatewayReady>(async ({ config, anchors, collateral, folder }) => {
  const { host, port } = config.listen
  const created = unixSeconds(Math.floor(Date.now() / 1000))
  const workerd = await startWorkerd({
    folder,
    host,
    ports: [port, ...config.runnerOriginPorts],
    env: settingsOf(config),
    texts: { SIMULATION: JSON.stringify(simulationJson({ anchors, collateral, created })) },
  })
  void workerd.ended.then(() => process.exit(1))
  return { ready: { origin: `http://${host}:${port}` }, close: () => workerd.stop() }
})
