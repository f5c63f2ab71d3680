import { openAssets } from './node/open-assets.ts'
import { createPages, type ServePages } from './serve.ts'
import { explorerOf, type PagesOptions } from './site.ts'

export { openAssets } from './node/open-assets.ts'

/** The pages of a gateway on Node. */
export async function openPages(options: PagesOptions): Promise<ServePages> {
  const { root, registry, endpoints, network, simulation } = options
  const assets = await openAssets(root)
  const explorer = explorerOf(network)
  const site = { assets, ticker: 'TON', registry, endpoints, explorer, simulation }
  return createPages(site, (length) => crypto.getRandomValues(new Uint8Array(length)))
}
