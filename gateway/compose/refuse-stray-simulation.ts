import { ConfigError, type GatewayConfig, isLocalUrl, isLoopback } from '../config.ts'
import type { SimulationTrust } from './compose-market.ts'

/** Simulated hardware counts only where nothing real can be at stake (H17). @throws ConfigError */
export function refuseStraySimulation(
  config: GatewayConfig,
  simulation: SimulationTrust | undefined,
): void {
  if (simulation === undefined) return
  const isLocal = isLocalUrl(config.chain.endpoint) && isLoopback(config.listen.host)
  if (config.production || !isLocal) {
    throw new ConfigError('invalid', 'simulated hardware needs a local chain and a loopback HOST')
  }
}
