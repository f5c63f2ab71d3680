import type { Usage } from './engine.ts'

/** What passed through our hands, whatever the engine says. */
export interface Observed {
  /** Deltas that carried something: each holds at least one token. */
  readonly deltas: number
  /** UTF-8 bytes of visible output: no visible token is shorter than a byte. */
  readonly bytes: number
}

/** End and role tokens that are counted but not seen. */
const UNSEEN_TOKENS = 16

/**
 * The usage that may be billed. An engine's counts stand while they are possible; an impossible count
 * falls to the nearest possible one, and an engine that tells none is believed only what was seen.
 * @param claimed undefined when the engine told none
 * @param promptBound most prompt tokens that the request can have
 */
export function reconcileUsage(
  claimed: Usage | undefined,
  observed: Observed,
  promptBound: number,
): Usage {
  if (claimed === undefined) {
    return {
      promptTokens: 0,
      cachedTokens: 0,
      completionTokens: observed.deltas,
      reasoningTokens: 0,
    }
  }
  const promptTokens = Math.min(claimed.promptTokens, promptBound)
  const reasoningTokens = Math.min(claimed.reasoningTokens, claimed.completionTokens)
  // Hidden reasoning has no visible bytes; it is bounded by the allowance alone.
  const visibleMax = observed.bytes + UNSEEN_TOKENS
  const visible = Math.min(claimed.completionTokens - reasoningTokens, visibleMax)
  return {
    promptTokens,
    cachedTokens: Math.min(claimed.cachedTokens, promptTokens),
    completionTokens: visible + reasoningTokens,
    reasoningTokens,
  }
}
