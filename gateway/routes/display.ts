import { formatTon, type Nano } from '#base/nano.ts'
import type { Rates } from '../money/open-rates.ts'
import type { Rate } from '../money/rates.ts'

/** What people read beside the amounts that count: the currency's name, and dollars where a rate is known. */
export async function readDisplay(rates: Rates) {
  const rate = await rates.read()
  return {
    ticker: rates.ticker,
    usd:
      rate === null
        ? null
        : { rate: rate.usd, source: rate.source, at: Math.floor(rate.at / 1000) },
    /** Dollars of an amount, rounded: never an amount that anything is computed with. */
    dollars: (amount: Nano) => (rate === null ? null : dollarsOf(amount, rate)),
  }
}

const DIGITS = 6

function dollarsOf(amount: Nano, { usd }: Rate): number {
  return Number((Number(formatTon(amount)) * usd).toPrecision(DIGITS))
}
