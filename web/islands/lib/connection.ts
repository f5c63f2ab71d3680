import { toSeconds } from '#base/brand.ts'
import {
  type Connection,
  type ConnectOptions,
  connect,
  parseSimulation,
  type Simulation,
} from '#client'
import { clock, random, site } from './browser.ts'
import { call } from './gateway.ts'

export type { Connection, RunnerStatement, Verification, VerifiedReceipt } from '#client'

/**
 * A verified way to the runners, made in this browser: evidence over a nonce of our own, the Registry by the chain's
 * endpoints where there are enough of them, and the gateway's word, said so, where there are not.
 */
export async function openConnection(
  own: Pick<ConnectOptions, 'cheques' | 'onReceipt'> = {},
): Promise<Connection> {
  const simulation = await readSimulation()
  return connect({
    ...own,
    baseURL: `${location.origin}/v1`,
    ...allowlistOptions(simulation !== undefined),
    ...(simulation === undefined ? {} : { allowSimulated: true, simulation }),
    // Vendors' servers let no page in, and this page's policy lets it ask nobody else.
    collateral: { askVendors: false },
    clock,
    random,
  })
}

const ENOUGH_ENDPOINTS = 2

export function allowlistOptions(
  isSimulated: boolean,
): Pick<ConnectOptions, 'registry' | 'trustGatewayAllowlist'> {
  const { endpoints, registry: address } = site
  const enough = isSimulated ? 1 : ENOUGH_ENDPOINTS
  return endpoints.length >= enough
    ? { registry: { endpoints, address } }
    : { trustGatewayAllowlist: true }
}

/** The roots of a development world; undefined where hardware must be real (H17). */
export async function readSimulation(): Promise<Simulation | undefined> {
  if (site.simulation === null) return undefined
  return parseSimulation(await call(site.simulation), toSeconds(clock()))
}
