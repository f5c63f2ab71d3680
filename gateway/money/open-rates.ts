import type { Clock } from '#base/brand.ts'
import { type RateSource, staticRate, type Ticker, tickerRate } from './rates.ts'

/** Where dollars come from, as configured: tickers, else a number, else nowhere. Display only. */
export interface RateSettings {
  /** What the currency is called: `TON`, or what it is renamed to. */
  readonly ticker: string
  /** US dollars for one, written down by the operator. */
  readonly usd: number | undefined
  readonly tickers: readonly Ticker[]
}

export interface Rates extends RateSource {
  readonly ticker: string
}

export function openRates(
  { ticker, usd, tickers }: RateSettings,
  deps: { readonly fetch: typeof fetch; readonly clock: Clock },
): Rates {
  const source =
    tickers.length > 0 ? tickerRate({ ...deps, tickers }) : staticRate(usd ?? null, deps.clock)
  return { ticker, read: () => source.read(), sources: () => source.sources() }
}
