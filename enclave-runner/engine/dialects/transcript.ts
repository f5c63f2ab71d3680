import type { Json } from '#base/jcs.ts'
import type { Answered, JsonObject } from '../engine.ts'
import { isList, isObject } from '../fields.ts'
import type { AnswerWriter, Billed, Dialect } from './dialect.ts'
import { dataEvent, parseChunk } from './sse.ts'

/**
 * Transcriptions as OpenAI's clients read them, from engines that stream them so or, as vLLM does, like chat.
 * @see https://platform.openai.com/docs/api-reference/audio/createTranscription
 */
export function openTranscript(endpoint: Answered, body: JsonObject): Dialect {
  return { endpoint, body, writer: createTranscriptWriter() }
}

function createTranscriptWriter(): AnswerWriter {
  let text = ''
  let done: JsonObject = {}
  return {
    id: undefined,
    chunk(data) {
      const payload = parseChunk(data)
      if (payload['type'] === 'transcript.text.done') {
        // Held back until the usage in it can be ours.
        done = payload
        return ''
      }
      const delta = deltaOf(payload)
      if (delta === '') return ''
      text += delta
      const { logprobs } = payload
      return dataEvent({
        type: 'transcript.text.delta',
        delta,
        ...(logprobs === undefined ? {} : { logprobs }),
      })
    },
    cut: () => '',
    end: (billed) =>
      dataEvent({ text, ...done, type: 'transcript.text.done', usage: transcriptUsage(billed) }),
    fail: (error) => dataEvent({ error: { ...error } }),
    whole: (answer, billed) => ({ ...answer, usage: transcriptUsage(billed) }),
  }
}

/** OpenAI's events have it as a member, vLLM's chunks in their one choice. */
function deltaOf({ delta, choices }: JsonObject): string {
  if (typeof delta === 'string') return delta
  const choice: Json | undefined = isList(choices) ? choices[0] : undefined
  const inner = isObject(choice) ? choice['delta'] : undefined
  const content = isObject(inner) ? inner['content'] : undefined
  return typeof content === 'string' ? content : ''
}

/** The form of models that are billed by tokens, with the cost at the allowance's price. */
function transcriptUsage({ usage, cost, costNano }: Billed): JsonObject {
  return {
    type: 'tokens',
    input_tokens: usage.promptTokens,
    input_token_details: { text_tokens: 0, audio_tokens: usage.promptTokens },
    output_tokens: usage.completionTokens,
    total_tokens: usage.promptTokens + usage.completionTokens,
    cost,
    cost_nano: costNano,
  }
}
