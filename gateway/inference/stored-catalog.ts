import type { UnixSeconds } from '#base/brand.ts'
import { unixSeconds } from '#base/brand.ts'
import type { Answer, Db } from '../db/db.ts'
import { models } from '../db/schema.ts'
import type { ModelSeed } from '../model-seed.ts'
import type { Catalog, ModelOffer } from './catalog.ts'

export type ModelRow = typeof models.$inferSelect

/** Where the operator's changes are stored. */
export interface ModelTable {
  all(): Answer<readonly ModelRow[]>
  put(row: ModelRow): Answer<void>
}

export interface StoredCatalog extends Catalog {
  /** What the operator changed by now, perhaps elsewhere. */
  take(rows: readonly ModelRow[]): void
}

/**
 * What the configuration sells, and what the operator changed since: changes are stored and beat the configuration.
 * @param created when the configured offers began
 */
export function storedCatalog(
  table: Pick<ModelTable, 'put'>,
  rows: readonly ModelRow[],
  { seeds, created }: { readonly seeds: readonly ModelSeed[]; readonly created: UnixSeconds },
): StoredCatalog {
  const configured = seeds.map((seed) => offerOf(seed, created))
  const offers = new Map<string, ModelOffer>()

  function take(changes: readonly ModelRow[]): void {
    const before = new Map(offers)
    offers.clear()
    for (const offer of configured) offers.set(offer.id, offer)
    for (const row of changes) {
      if (row.withdrawn) offers.delete(row.id)
      else offers.set(row.id, same(before.get(row.id), offerOfRow(row)))
    }
  }

  take(rows)
  return {
    take,
    find: (id) => offers.get(id),
    all: () => [...offers.values()],
    async put(offer) {
      await table.put(rowOf(offer, false))
      offers.set(offer.id, offer)
    },
    async withdraw(id) {
      const offer = offers.get(id)
      if (offer === undefined) return false
      await table.put(rowOf(offer, true))
      return offers.delete(id)
    },
  }
}

/** Terms hang on an offer by its identity: what did not change stays the same object. */
function same(before: ModelOffer | undefined, now: ModelOffer): ModelOffer {
  if (before === undefined) return now
  const old = rowOf(before, false)
  const isSame = Object.entries(rowOf(now, false)).every(
    ([name, value]) => Object.entries(old).find(([other]) => other === name)?.[1] === value,
  )
  return isSame ? before : now
}

export function createModelTable(db: Db) {
  return {
    all: (): readonly ModelRow[] => db.select().from(models).all(),
    put: ({ id, ...columns }: ModelRow): void => {
      db.insert(models)
        .values({ id, ...columns })
        .onConflictDoUpdate({ target: models.id, set: columns })
        .run()
    },
  }
}

function rowOf(offer: ModelOffer, withdrawn: boolean): ModelRow {
  const { id, name, base, demonstration } = offer
  const prices = {
    price_input: base.input,
    price_cached: base.cached,
    price_output: base.output,
  }
  return { id, name, ...prices, demonstration, withdrawn, created: unixSeconds(offer.created) }
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
