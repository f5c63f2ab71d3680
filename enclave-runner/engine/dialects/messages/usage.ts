import type { JsonObject } from '../../engine.ts'
import type { Billed } from '../dialect.ts'

/** What a stream says before its usage is known. */
export const NO_TOKENS = {
  input_tokens: 0,
  cache_creation_input_tokens: 0,
  cache_read_input_tokens: 0,
  output_tokens: 0,
}

/** Anthropic's `usage`, which counts cached tokens apart, with the cost. */
export function messageUsage({ usage, cost, costNano }: Billed): JsonObject {
  return {
    ...NO_TOKENS,
    input_tokens: usage.promptTokens - usage.cachedTokens,
    cache_read_input_tokens: usage.cachedTokens,
    output_tokens: usage.completionTokens,
    cost,
    cost_nano: costNano,
  }
}
