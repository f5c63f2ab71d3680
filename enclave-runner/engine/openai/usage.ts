import type { Json } from '#base/jcs.ts'
import type { Usage } from '../engine.ts'
import { isObject } from '../fields.ts'

/** OpenAI's `usage` object as counts; undefined when it is absent or not whole numbers. */
export function readUsage(value: Json | undefined): Usage | undefined {
  if (!isObject(value)) return undefined
  const promptTokens = count(value['prompt_tokens'])
  // Embeddings have no completion tokens at all.
  const completionTokens = count(value['completion_tokens'] ?? 0)
  if (promptTokens === undefined || completionTokens === undefined) return undefined
  return {
    promptTokens,
    completionTokens,
    cachedTokens: detail(value['prompt_tokens_details'], 'cached_tokens'),
    reasoningTokens: detail(value['completion_tokens_details'], 'reasoning_tokens'),
  }
}

function detail(value: Json | undefined, key: string): number {
  return isObject(value) ? (count(value[key]) ?? 0) : 0
}

function count(value: Json | undefined): number | undefined {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : undefined
}
