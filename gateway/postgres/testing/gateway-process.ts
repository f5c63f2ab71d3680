import { processDeps, type SimulationTrust, startGateway } from '../../node.ts'
import { MIGRATIONS } from './open-shared-ledger.ts'

/** A gateway in a process of its own, to be killed. Its parent tells it the configuration, and hears when it serves. */
interface Told {
  readonly config: Parameters<typeof startGateway>[0]['config']
  readonly simulation: SimulationTrust
}

process.once('message', async ({ config, simulation }: Told) => {
  await startGateway({
    config,
    deps: {
      ...processDeps(),
      log: () => {},
      migrations: MIGRATIONS,
      openapi: 'openapi: 3.1.0',
      simulation,
    },
  })
  process.send?.('serves')
})
