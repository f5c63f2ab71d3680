import { ceilDiv, type Nano, type NanoPerMillion, nano } from '#base/nano.ts'

/** Prices of one request, nanoTON per million tokens, commission included. */
export interface Prices {
  readonly input: NanoPerMillion
  readonly cached: NanoPerMillion
  readonly output: NanoPerMillion
}

export interface TokenCounts {
  readonly prompt_tokens: number
  /** Part of `prompt_tokens`. */
  readonly cached_tokens: number
  readonly completion_tokens: number
}

const TOKENS_PER_PRICE = 1_000_000n

/** What the developer pays: one rounding up of the whole sum. @see SPEC.md section 8.2 */
export function costOf(tokens: TokenCounts, price: Prices): Nano {
  const fresh = BigInt(tokens.prompt_tokens - tokens.cached_tokens)
  const sum =
    fresh * price.input +
    BigInt(tokens.cached_tokens) * price.cached +
    BigInt(tokens.completion_tokens) * price.output
  return nano(ceilDiv(sum, TOKENS_PER_PRICE))
}
