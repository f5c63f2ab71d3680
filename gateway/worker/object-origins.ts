import type { GatewayConfig } from '../config.ts'
import type { RunnerId } from '../db/ids.ts'
import { ApiError } from '../errors.ts'
import { originByHost } from '../http/runner-address.ts'
import type { Origins } from '../runners/deps.ts'

const PREFIX = 'origin:'

export interface ObjectOrigins extends Origins {
  /** Development: the runner that has a port. */
  runnerAt(port: number): RunnerId | undefined
}

/** Runners' own origins: names under a domain, or in development the ports that the Worker is served on. */
export function objectOrigins(config: GatewayConfig, kv: SyncKvStorage): ObjectOrigins {
  const { runnerDomain, runnerOriginPorts, listen } = config
  const runnerAt = (port: number) => kv.get<RunnerId>(PREFIX + port)
  return {
    runnerAt,
    async assign(runner) {
      if (runnerDomain !== undefined) return originByHost(runner, runnerDomain)
      const own = runnerOriginPorts.find((port) => runnerAt(port) === runner)
      const port = own ?? runnerOriginPorts.find((free) => runnerAt(free) === undefined)
      if (port === undefined) {
        throw new ApiError('overloaded', 'RUNNER_ORIGIN_PORTS has no port left for this runner')
      }
      kv.put(PREFIX + port, runner)
      return `http://${listen.host}:${port}`
    },
  }
}
