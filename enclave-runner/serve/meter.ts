import { formatTon } from '#base/nano.ts'
import type { Allowance } from '#protocol'
import { costOf } from '#protocol'
import type { Billed } from '../engine/dialects/dialect.ts'
import type { EngineEvent, Usage } from '../engine/engine.ts'
import { NO_USAGE } from '../engine/engine.ts'
import type { Ticket } from './admit.ts'

/** What one request used so far: whatever ends it, this is what is due. */
export interface Meter {
  /** Notes what an engine event tells. */
  see(event: EngineEvent): void
  /** The engine took the request: prompt tokens are due from here on (M6). */
  readonly isAccepted: boolean
  /** Undefined while the engine has told no prompt tokens. */
  readonly promptTokens: number | undefined
  /** Sets prompt tokens that were counted apart from the engine. */
  countPrompt(tokens: number): void
  /** Counts within the allowance. */
  usage(): Usage
}

export function createMeter(allowance: Allowance, countedPrompt: number | undefined): Meter {
  let isAccepted = false
  let promptTokens = countedPrompt
  let completionTokens = 0
  let final: Usage | undefined
  return {
    see(event) {
      if (event.kind === 'accepted') {
        isAccepted = true
        promptTokens = event.promptTokens ?? promptTokens
      } else if (event.kind === 'chunk') {
        promptTokens = event.promptTokens ?? promptTokens
        completionTokens = event.tokens
      } else if (event.kind === 'done') {
        final = event.usage
      }
    },
    get isAccepted() {
      return isAccepted
    },
    get promptTokens() {
      // No prompt is empty: zero is what an engine says that tells nothing.
      return final === undefined || final.promptTokens === 0 ? promptTokens : final.promptTokens
    },
    countPrompt(tokens) {
      promptTokens = tokens
    },
    usage() {
      if (!isAccepted) return NO_USAGE
      const told = final ?? { ...NO_USAGE, completionTokens }
      return clamp({ ...told, promptTokens: this.promptTokens ?? 0 }, allowance)
    },
  }
}

/** The runner charges nothing beyond the allowance, whatever the engine did. */
function clamp(usage: Usage, allowance: Allowance): Usage {
  const promptTokens = Math.min(usage.promptTokens, allowance.max_prompt_tokens)
  const completionTokens = Math.min(usage.completionTokens, allowance.max_completion_tokens)
  return {
    promptTokens,
    cachedTokens: Math.min(usage.cachedTokens, promptTokens),
    completionTokens,
    reasoningTokens: Math.min(usage.reasoningTokens, completionTokens),
  }
}

/** The tokens as a receipt names them. */
export function tokenCounts(usage: Usage) {
  return {
    prompt_tokens: usage.promptTokens,
    cached_tokens: usage.cachedTokens,
    completion_tokens: usage.completionTokens,
    reasoning_tokens: usage.reasoningTokens,
  }
}

/** What is charged, for the caller to read: the counts and their cost at the allowance's price. */
export function billed(usage: Usage, { allowance, lease }: Ticket): Billed {
  const cost = costOf(tokenCounts(usage), allowance.price)
  const provider = lease.runnerId
  return { usage, cost: Number(formatTon(cost)), costNano: cost.toString(), provider }
}
