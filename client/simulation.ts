import { parseSimulation as parse, type Simulation } from '#attestation'
import { unixSeconds } from '#base/brand.ts'
import { ClientError } from './errors.ts'

export { type Simulation, simulationJson } from '#attestation'

/** The file of a development world. @throws ClientError `bad_option` */
export function parseSimulation(value: unknown, now: number): Simulation {
  try {
    return parse(value, unixSeconds(now))
  } catch (cause) {
    throw new ClientError('bad_option', 'The simulation file cannot be read', { cause })
  }
}
