import { type GatewayConfig, isLocalUrl } from '../config.ts'
import type { Chain } from './chain.ts'
import type { Provider } from './chain-health.ts'
import { type JsonRpcOptions, openJsonRpc } from './json-rpc.ts'
import { toncenter } from './toncenter.ts'

/** What public providers allow, with a key of theirs and without. */
const CALLS_PER_SECOND = { local: 1_000, withKey: 8, withoutKey: 1 }

/** One provider of the chain, asked no faster than it allows. */
export function openChain(
  { fetch, wait, chance }: Pick<JsonRpcOptions, 'fetch' | 'wait' | 'chance'>,
  endpoint: string,
  apiKey?: string,
): Chain {
  const { local, withKey, withoutKey } = CALLS_PER_SECOND
  const remote = apiKey === undefined ? withoutKey : withKey
  return toncenter(
    openJsonRpc({
      endpoint,
      ...(apiKey === undefined ? {} : { apiKey }),
      fetch,
      wait,
      chance,
      callsPerSecond: isLocalUrl(endpoint) ? local : remote,
    }),
  )
}

/** The configured providers with their names, the one that is believed first. */
export function openProviders(
  deps: Pick<JsonRpcOptions, 'fetch' | 'wait' | 'chance'>,
  { endpoint, apiKey, witnesses }: GatewayConfig['chain'],
): readonly [Provider, ...Provider[]] {
  return [
    { host: hostOf(endpoint), role: 'primary', chain: openChain(deps, endpoint, apiKey) },
    ...witnesses.map((witness): Provider => {
      return { host: hostOf(witness), role: 'witness', chain: openChain(deps, witness) }
    }),
  ]
}

function hostOf(endpoint: string): string {
  return new URL(endpoint).host
}
