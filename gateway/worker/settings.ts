import { parseSimulation, type Simulation } from '#attestation'
import type { UnixSeconds } from '#base/brand.ts'
import type { Json } from '#base/jcs.ts'
import { refuseStraySimulation } from '../compose/refuse-stray-simulation.ts'
import { ConfigError, type GatewayConfig, readGatewayConfig } from '../config.ts'
import { SETTINGS } from '../settings.ts'

export interface WorkerSettings {
  readonly config: GatewayConfig
  readonly publicUrl: string
  readonly simulation: Simulation | undefined
  /** The same as it was given: browsers verify by it too. */
  readonly simulationJson: Json | undefined
  /** Takes nothing new: its stores are being moved. */
  readonly isPaused: boolean
}

/**
 * Reads the same settings as on Node, from a Worker's variables and secrets.
 * @throws ConfigError that names every bad setting at once
 */
export function readWorkerSettings(env: Cloudflare.Env, now: UnixSeconds): WorkerSettings {
  const bindings: Readonly<Record<string, unknown>> = { ...env }
  const config = readGatewayConfig(
    Object.fromEntries(Object.keys(SETTINGS).map((name) => [name, textOf(bindings[name])])),
  )
  const { publicUrl } = config
  if (publicUrl === undefined) {
    throw new ConfigError('invalid', 'PUBLIC_URL is missing: a Worker cannot know its own address')
  }
  const simulationJson = readJson(env)
  const simulation = readSimulation(simulationJson, now)
  refuseStraySimulation(config, simulation)
  return {
    config,
    publicUrl,
    simulation,
    simulationJson,
    isPaused: env.PAUSED === 'true',
  }
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}

function readJson({ SIMULATION }: Cloudflare.Env): Json | undefined {
  if (SIMULATION === undefined || SIMULATION === '') return undefined
  try {
    // Sound: JSON.parse yields nothing else.
    return JSON.parse(SIMULATION) as Json
  } catch (cause) {
    throw new ConfigError('invalid', 'SIMULATION cannot be read', { cause })
  }
}

function readSimulation(json: Json | undefined, now: UnixSeconds): Simulation | undefined {
  if (json === undefined) return undefined
  try {
    return parseSimulation(json, now)
  } catch (cause) {
    throw new ConfigError('invalid', 'SIMULATION cannot be read', { cause })
  }
}
