import type { UnixSeconds } from '#base/brand.ts'
import type { ModelSeed } from '../settings.ts'
import type { Catalog, ModelOffer } from './catalog.ts'

/** What the configuration sells. @param created when this gateway began to sell it */
export function fixedCatalog(seeds: readonly ModelSeed[], created: UnixSeconds): Catalog {
  const offers = new Map<string, ModelOffer>(
    seeds.map(({ id, name, input, cached, output, demonstration }) => [
      id,
      { id, name, base: { input, cached, output }, demonstration, created },
    ]),
  )
  return { find: (id) => offers.get(id), all: () => [...offers.values()] }
}
