import { ceilDiv, type Nano, type NanoPerMillion, nano, nanoPerMillion } from '#base/nano.ts'
import { costOf, type Prices } from '#protocol'
import type { InferencePath } from './endpoints.ts'

const BPS = 10_000n
/** Prices are per million tokens. */
const TOKENS_PER_PRICE = 1_000_000n

/**
 * What a developer pays at a runner: the host's price (the operator's base price times the host's coefficient)
 * and the operator's commission on top, so that settlement, which rounds the commission up, leaves the
 * host its price.
 * @param commissionBps share of the developer's price, below 10000
 */
export function developerPrices(
  base: Prices,
  coefficientBps: number,
  commissionBps: number,
): Prices {
  const of = (price: NanoPerMillion): NanoPerMillion => {
    const host = ceilDiv(price * BigInt(coefficientBps), BPS)
    return nanoPerMillion(ceilDiv(host * BPS, BPS - BigInt(commissionBps)))
  }
  return { input: of(base.input), cached: of(base.cached), output: of(base.output) }
}

/** The most that one request may use and cost. */
export interface Bound {
  readonly promptTokens: number
  /** Over all choices. */
  readonly completionTokens: number
  readonly cost: Nano
}

export interface BoundInput {
  /** Prompt tokens of one choice, at most. */
  readonly promptBound: number
  /** Completion tokens of one choice; undefined: as many as the model gives. */
  readonly maxTokens: number | undefined
  readonly choices: number
  readonly contextLength: number
  readonly maxOutputTokens: number
  /** Neither bounds what is read in windows. */
  readonly inWindows: boolean
}

/** Bytes bound the prompt, `max_tokens` or the model's cap the answer, both within the context (M6). */
export function boundOf(ask: BoundInput, prices: Prices): Bound {
  const room = ask.inWindows ? Number.POSITIVE_INFINITY : ask.contextLength
  const longest = ask.inWindows ? Number.POSITIVE_INFINITY : ask.maxOutputTokens
  const perAnswer = Math.min(ask.maxTokens ?? ask.maxOutputTokens, longest)
  const promptTokens = Math.min(ask.promptBound, room) * ask.choices
  const completionTokens = perAnswer * ask.choices
  return { promptTokens, completionTokens, cost: boundCost(promptTokens, completionTokens, prices) }
}

/** What is held for it. Counting costs nothing, but is for accounts that have something. */
export function holdOf(path: InferencePath, { cost }: Bound): Nano {
  return path === '/v1/messages/count_tokens' ? LEAST_HOLD : cost
}

const LEAST_HOLD = nano(1n)

function boundCost(promptTokens: number, completionTokens: number, prices: Prices): Nano {
  // Cached tokens never cost more than fresh ones: offers are checked for it.
  return costOf(
    { prompt_tokens: promptTokens, cached_tokens: 0, completion_tokens: completionTokens },
    prices,
  )
}

/**
 * The same bound with a shorter answer, so that it costs at most `most`.
 * @returns undefined when not even one token of answer fits
 */
export function shortenTo(bound: Bound, most: Nano, prices: Prices): Bound | undefined {
  if (bound.cost <= most) return bound
  // One rounding up of the whole sum is at most `most` exactly when the sum is at most this.
  const left = most * TOKENS_PER_PRICE - BigInt(bound.promptTokens) * prices.input
  if (left <= 0n || prices.output === 0n) return undefined
  const completionTokens = Number(left / prices.output)
  if (completionTokens < 1) return undefined
  const { promptTokens } = bound
  return { promptTokens, completionTokens, cost: boundCost(promptTokens, completionTokens, prices) }
}
