import { z } from 'zod'
import type { Clock, UnixMs } from '#base/brand.ts'
import { fromUtf8 } from '#base/bytes.ts'
import { readBounded } from '#base/read-bounded.ts'

/** Only for display: no amount in the ledger was ever in another currency. */
export interface Rate {
  /** US dollars for one TON, as a decimal. */
  readonly usd: number
  readonly at: UnixMs
  /** The configured name of where it came from. */
  readonly source: string
}

/** What one ticker said when it was last asked; null when it said nothing usable. */
export interface SourceState {
  readonly name: string
  readonly usd: number | null
  readonly at: UnixMs
}

export interface RateSource {
  /** Null while there is none worth showing. */
  read(): Promise<Rate | null>
  /** Tickers as they last answered; none where nobody is asked. */
  sources(): readonly SourceState[]
}

/** A rate that the operator wrote down, or none. */
export function staticRate(usd: number | null, clock: Clock): RateSource {
  return {
    read: async () => (usd === null ? null : { usd, at: clock(), source: 'configured' }),
    sources: () => [],
  }
}

const FRESH_MS = 60_000
/** A rate older than that is worse than none. */
const OLD_MS = 15 * 60_000
/** Who lists models waits so long, once a minute, where no ticker answers. */
const TIMEOUT_MS = 2_000
const MAX_ANSWER_BYTES = 64 * 1024

export interface Ticker {
  readonly name: string
  readonly url: string
  /** Keys that lead to the price in the answer: `["tickers", "0", "last"]`. */
  readonly path: readonly string[]
}

export interface TickerOptions {
  readonly tickers: readonly Ticker[]
  readonly fetch: typeof fetch
  readonly clock: Clock
}

/** The median of several tickers, kept for a minute; those that fail do not count. */
export function tickerRate({ tickers, fetch, clock }: TickerOptions): RateSource {
  let last: Rate | null = null
  let tried = 0
  let sources: readonly SourceState[] = []
  async function ask(): Promise<void> {
    const answers = await Promise.allSettled(tickers.map((ticker) => price(ticker, fetch)))
    sources = tickers.map(({ name }, i) => {
      const answer = answers[i]
      return { name, usd: answer?.status === 'fulfilled' ? answer.value : null, at: clock() }
    })
    const prices = sources.flatMap(({ usd }) => (usd === null ? [] : [usd]))
    const usd = median(prices)
    if (usd !== undefined) last = { usd, at: clock(), source: `median of ${prices.length}` }
  }

  return {
    sources: () => sources,
    async read() {
      const now = clock()
      if (Math.abs(now - tried) >= FRESH_MS) {
        tried = now
        const asked = ask()
        // Only for the first one: beside amounts an older rate serves until the next reader comes.
        if (fresh(last, now) === null) await asked
      }
      return fresh(last, clock())
    },
  }
}

function fresh(rate: Rate | null, now: UnixMs): Rate | null {
  return rate !== null && Math.abs(now - rate.at) < OLD_MS ? rate : null
}

const record = z.record(z.string(), z.unknown())
const positive = z.coerce.number().positive().finite()

async function price({ url, path }: Ticker, get: typeof fetch): Promise<number> {
  const response = await get(url, { signal: AbortSignal.timeout(TIMEOUT_MS) })
  const bytes = await readBounded(response, MAX_ANSWER_BYTES)
  if (!response.ok || bytes === undefined) throw new RangeError('no price')
  let value: unknown = JSON.parse(fromUtf8(bytes))
  for (const key of path) value = record.parse(Array.isArray(value) ? { ...value } : value)[key]
  return positive.parse(value)
}

function median(values: readonly number[]): number | undefined {
  const sorted = values.toSorted((a, b) => a - b)
  const upper = sorted[Math.floor(sorted.length / 2)]
  const lower = sorted[Math.ceil(sorted.length / 2) - 1]
  return upper === undefined || lower === undefined ? undefined : (upper + lower) / 2
}
