import type { Terms } from '../ledger/port.ts'
import type { Lease, LiveRunner } from '../runners/live-runner.ts'
import type { ModelOffer } from './catalog.ts'
import { developerPrices } from './terms.ts'

/** The terms of a runner's lease at today's offer: the same object until either changes. */
export type QuoteTerms = (runner: LiveRunner, offer: ModelOffer) => Terms

/** @param commissionBps the operator's share of what developers pay */
export function createQuoteTerms(commissionBps: number): QuoteTerms {
  const quoted = new WeakMap<Lease, { readonly offer: ModelOffer; readonly terms: Terms }>()
  return (runner, offer) => {
    const { lease } = runner
    const known = quoted.get(lease)
    if (known?.offer === offer) return known.terms
    const terms: Terms = {
      model: runner.model,
      runner: runner.id,
      session: lease.session,
      payee: runner.payee,
      price: developerPrices(offer.base, lease.coefficientBps, commissionBps),
      commissionBps,
    }
    quoted.set(lease, { offer, terms })
    return terms
  }
}
