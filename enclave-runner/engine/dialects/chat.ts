import type { Answered, JsonObject } from '../engine.ts'
import { isObject } from '../fields.ts'
import type { AnswerWriter, Billed, Dialect } from './dialect.ts'
import { dataEvent, parseChunk } from './sse.ts'

const DONE = 'data: [DONE]\n\n'
const LENGTH_CHOICE = { index: 0, delta: {}, logprobs: null, finish_reason: 'length' }

/** OpenAI's own endpoints that engines serve: everything passes as the engine says it, but usage is ours. */
export function openChat(endpoint: Answered, body: JsonObject): Dialect {
  const options = body['stream_options'] ?? undefined
  const includeUsage = isObject(options) && options['include_usage'] === true
  return { endpoint, body, writer: createChatWriter(includeUsage) }
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
      return dataEvent({ ...head(), choices: [], usage: chatUsage(billed) }) + DONE
    },
    fail: (error) => dataEvent({ error: { ...error } }),
    whole(answer, billed) {
      whole = answer
      return { ...answer, usage: chatUsage(billed) }
    },
  }
}

/** OpenAI's `usage` object, with the cost at the allowance's price as OpenRouter's clients read it. */
export function chatUsage({ usage, cost, costNano }: Billed): JsonObject {
  return {
    prompt_tokens: usage.promptTokens,
    completion_tokens: usage.completionTokens,
    total_tokens: usage.promptTokens + usage.completionTokens,
    prompt_tokens_details: { cached_tokens: usage.cachedTokens },
    completion_tokens_details: { reasoning_tokens: usage.reasoningTokens },
    cost,
    cost_nano: costNano,
  }
}
