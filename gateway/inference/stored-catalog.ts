import type { UnixSeconds } from '#base/brand.ts'
import { unixSeconds } from '#base/brand.ts'
import type { Db } from '../db/db.ts'
import { models } from '../db/schema.ts'
import type { ModelSeed } from '../model-seed.ts'
import type { Catalog, ModelOffer } from './catalog.ts'

/**
 * What the configuration sells, and what the operator changed since: changes are stored and beat the configuration.
 * @param created when the configured offers began
 */
export function storedCatalog(db: Db, seeds: readonly ModelSeed[], created: UnixSeconds): Catalog {
  const offers = new Map<string, ModelOffer>(seeds.map((seed) => [seed.id, offerOf(seed, created)]))
  for (const row of db.select().from(models).all()) {
    if (row.withdrawn) offers.delete(row.id)
    else offers.set(row.id, offerOfRow(row))
  }

  const store = (offer: ModelOffer, withdrawn: boolean): void => {
    const { id, name, base, demonstration } = offer
    const columns = {
      name,
      price_input: base.input,
      price_cached: base.cached,
      price_output: base.output,
      demonstration,
      withdrawn,
      created: unixSeconds(offer.created),
    }
    db.insert(models)
      .values({ id, ...columns })
      .onConflictDoUpdate({ target: models.id, set: columns })
      .run()
  }

  return {
    find: (id) => offers.get(id),
    all: () => [...offers.values()],
    put(offer) {
      store(offer, false)
      offers.set(offer.id, offer)
    },
    withdraw(id) {
      const offer = offers.get(id)
      if (offer === undefined) return false
      store(offer, true)
      return offers.delete(id)
    },
  }
}

/** A parsed description as an offer. */
export function offerOf(seed: ModelSeed, created: UnixSeconds): ModelOffer {
  const { id, name, input, cached, output, demonstration } = seed
  return { id, name, base: { input, cached, output }, demonstration, created }
}

function offerOfRow(row: typeof models.$inferSelect): ModelOffer {
  const base = { input: row.price_input, cached: row.price_cached, output: row.price_output }
  const { id, name, demonstration, created } = row
  return { id, name, base, demonstration, created }
}
