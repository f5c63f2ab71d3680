import type { Answered, JsonObject } from '../engine.ts'
import { booleanField, isObject, objectField } from '../fields.ts'
import type { AnswerWriter, Billed, Dialect } from './dialect.ts'
import { dataEvent, parseChunk } from './sse.ts'

const DONE = 'data: [DONE]\n\n'
const LENGTH_CHOICE = { index: 0, delta: {}, logprobs: null, finish_reason: 'length' }

/** OpenAI's own endpoints that engines serve: everything passes as the engine says it, but usage is ours. */
export function openChat(endpoint: Answered, body: JsonObject): Dialect {
  return { endpoint, body: withEffort(body), writer: createChatWriter(wantsUsage(body)) }
}

/** OpenAI's wish for a usage chunk, or OpenRouter's. @throws EngineError */
function wantsUsage(body: JsonObject): boolean {
  const options = objectField(body, 'stream_options') ?? {}
  const usage = body['usage'] ?? null
  const isOpenRouters = isObject(usage) && usage['include'] === true
  return booleanField(options, 'include_usage') === true || isOpenRouters
}

/** OpenRouter's `reasoning.effort` in the word that engines read. */
function withEffort(body: JsonObject): JsonObject {
  const reasoning = body['reasoning'] ?? null
  const effort = isObject(reasoning) ? reasoning['effort'] : undefined
  if (typeof effort !== 'string' || (body['reasoning_effort'] ?? null) !== null) return body
  return { ...body, reasoning_effort: effort }
}

/** @param includeUsage the caller asked for the usage chunk: many clients read `choices[0]` of every chunk */
function createChatWriter(includeUsage: boolean): AnswerWriter {
  let first: string | undefined
  let whole: JsonObject | undefined
  const head = (): JsonObject => {
    const { choices: _, usage: __, ...rest } = first === undefined ? {} : parseChunk(first)
    return rest
  }
  return {
    get id() {
      const id = (first === undefined ? whole : parseChunk(first))?.['id']
      return typeof id === 'string' ? id : undefined
    },
    chunk(data) {
      first ??= data
      return `data: ${data}\n\n`
    },
    cut: () => dataEvent({ ...head(), choices: [LENGTH_CHOICE] }),
    end(billed) {
      if (!includeUsage || first === undefined) return DONE
      const { provider } = billed
      return dataEvent({ ...head(), provider, choices: [], usage: chatUsage(billed) }) + DONE
    },
    fail: (error) => dataEvent({ error: { ...error } }),
    whole(answer, billed) {
      whole = answer
      return { ...answer, provider: billed.provider, usage: chatUsage(billed) }
    },
  }
}

/** OpenAI's `usage` object, with the cost at the allowance's price as OpenRouter's clients read it. */
function chatUsage({ usage, cost, costNano }: Billed): JsonObject {
  return {
    prompt_tokens: usage.promptTokens,
    completion_tokens: usage.completionTokens,
    total_tokens: usage.promptTokens + usage.completionTokens,
    prompt_tokens_details: { cached_tokens: usage.cachedTokens },
    completion_tokens_details: { reasoning_tokens: usage.reasoningTokens },
    cost,
    cost_nano: costNano,
    // What the host gets of it is between the host and the gateway.
    cost_details: { upstream_inference_cost: null },
  }
}
