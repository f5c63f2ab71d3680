import type { Prices } from '#protocol'
import type { Answer } from '../db/db.ts'

/** A model as the operator sells it. Immutable: a change makes another object. */
export interface ModelOffer {
  readonly id: string
  /** For people. */
  readonly name: string
  /** What a host with coefficient 10000 bps asks, nanoTON per million tokens. */
  readonly base: Prices
  /** It says of itself that it is a demonstration. */
  readonly demonstration: boolean
  /** Unix seconds. */
  readonly created: number
}

/** What is on sale. A model without an offer has no price, so that nothing is relayed for it. */
export interface Offers {
  find(id: string): ModelOffer | undefined
}

/** Everything on sale, and the operator's hand on it. */
export interface Catalog extends Offers {
  all(): readonly ModelOffer[]
  /** Sells a model from now on; requests under way keep the price that they reserved (M2). */
  put(offer: ModelOffer): Answer<void>
  /** @returns false when it was not on sale */
  withdraw(id: string): Answer<boolean>
}
