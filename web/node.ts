import type { Json } from '#base/jcs.ts'
import { openAssets } from './node/open-assets.ts'
import { createPages, type ServePages } from './serve.ts'

export { openAssets } from './node/open-assets.ts'

/**
 * The pages of a gateway on Node.
 * @param options.root folder of package.json
 * @param options.endpoints TON endpoints that browsers may ask; none: they take the gateway's word, and say so
 * @param options.simulation roots of simulated hardware, given by a development world alone (H17)
 */
export async function openPages(options: {
  readonly root: string
  readonly registry: string
  readonly endpoints: readonly string[]
  readonly network: 'mainnet' | 'testnet' | 'local'
  readonly simulation?: Json
}): Promise<ServePages> {
  const { root, registry, endpoints, network, simulation } = options
  const assets = await openAssets(root)
  const explorer = EXPLORERS[network]
  const site = { assets, ticker: 'TON', registry, endpoints, explorer, simulation }
  return createPages(site, (length) => crypto.getRandomValues(new Uint8Array(length)))
}

const EXPLORERS = {
  mainnet: 'https://tonviewer.com/',
  testnet: 'https://testnet.tonviewer.com/',
  local: undefined,
} as const
