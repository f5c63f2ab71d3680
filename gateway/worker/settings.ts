import { parseSimulation, type Simulation } from '#attestation'
import { type UnixSeconds, unixSeconds } from '#base/brand.ts'
import { refuseStraySimulation } from '../compose/refuse-stray-simulation.ts'
import { ConfigError, type GatewayConfig, readGatewayConfig } from '../config.ts'
import { SETTINGS } from '../settings.ts'

export interface WorkerSettings {
  readonly config: GatewayConfig
  readonly publicUrl: string
  readonly simulation: Simulation | undefined
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
  const simulation = readSimulation(env, now)
  refuseStraySimulation(config, simulation)
  return {
    config: { ...config, queue: NO_QUEUE },
    publicUrl,
    simulation,
    isPaused: env.PAUSED === 'true',
  }
}

/** A Worker's requests cannot wait for one another: a busy model answers so at once, and clients try again. */
const NO_QUEUE = { requests: 0, seconds: 0 } as const

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}

function readSimulation({ SIMULATION }: Cloudflare.Env, now: UnixSeconds): Simulation | undefined {
  if (SIMULATION === undefined || SIMULATION === '') return undefined
  try {
    const json: unknown = JSON.parse(SIMULATION)
    return parseSimulation(json, unixSeconds(now))
  } catch (cause) {
    throw new ConfigError('invalid', 'SIMULATION cannot be read', { cause })
  }
}
