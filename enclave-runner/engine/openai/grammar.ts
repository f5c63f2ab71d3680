import type { Json } from '#base/jcs.ts'
import { audioTokens } from '#protocol'
import type { Answered, FinishReason, JsonObject, Usage } from '../engine.ts'
import { NO_USAGE } from '../engine.ts'
import { isList, isObject } from '../fields.ts'
import type { Observed } from '../reconcile-usage.ts'
import { finishOf, observeChoices } from './observe.ts'
import { readUsage } from './usage.ts'

/** How the answers of one of the engine's APIs are read for metering. */
export interface Grammar {
  /** What a payload, of a stream or whole, visibly carries. */
  observe(payload: JsonObject): Observed
  /** The counts that a payload tells, if it tells any. */
  usage(payload: JsonObject): Partial<Usage> | undefined
  finish(payload: JsonObject): FinishReason | undefined
  /** A payload without counts, under the model's public name; undefined when nothing is left of it. */
  rewrite(payload: JsonObject, publicModel: string): JsonObject | undefined
  /** Whether usage must be asked for with `stream_options`. */
  readonly asksForUsage: boolean
}

const CHOICES: Grammar = {
  observe: observeChoices,
  usage: (payload) => readUsage(payload['usage']),
  finish: finishOf,
  rewrite({ usage: _, ...rest }, model) {
    const { choices } = rest
    if (!isList(choices)) return { ...rest, model }
    return choices.length === 0 ? undefined : { ...rest, choices: choices.map(readable), model }
  },
  asksForUsage: true,
}

/**
 * Reasoning has two names, of which most clients read one: an engine that gives it under one is passed on with both. All
 * else of a choice stays as it is.
 */
function readable(choice: Json): Json {
  if (!isObject(choice)) return choice
  for (const member of ['delta', 'message'] as const) {
    const said = choice[member]
    if (!isObject(said)) continue
    const { reasoning = null, reasoning_content: content = null } = said
    if ((reasoning === null) === (content === null)) continue
    if (typeof (reasoning ?? content) !== 'string') continue
    const both = { reasoning: reasoning ?? content, reasoning_content: content ?? reasoning }
    return { ...choice, [member]: { ...said, ...both } }
  }
  return choice
}

const RESPONSES: Grammar = {
  observe: ({ type, delta, output }) =>
    typeof type === 'string' && type.endsWith('.delta') ? textOf(delta) : itemsOf(output),
  usage: (payload) => {
    const { response } = payload
    const told = isObject(response) ? response['usage'] : payload['usage']
    if (!isObject(told)) return undefined
    return readUsage({
      prompt_tokens: told['input_tokens'] ?? null,
      completion_tokens: told['output_tokens'] ?? null,
      prompt_tokens_details: told['input_tokens_details'] ?? null,
      completion_tokens_details: told['output_tokens_details'] ?? null,
    })
  },
  finish: (payload) => {
    const response = isObject(payload['response']) ? payload['response'] : payload
    if (response['status'] === 'completed') return 'stop'
    return response['status'] === 'incomplete' ? 'length' : undefined
  },
  rewrite: (payload, model) => renamed(payload, 'response', model),
  asksForUsage: false,
}

const MESSAGES: Grammar = {
  observe: ({ type, delta, content }) => {
    if (type !== 'content_block_delta' || !isObject(delta)) return itemsOf(content)
    return textOf(delta['text'] ?? delta['thinking'] ?? delta['partial_json'])
  },
  usage: (payload) => {
    const { message } = payload
    const told = isObject(message) ? message['usage'] : payload['usage']
    if (!isObject(told)) return undefined
    const cachedTokens = count(told['cache_read_input_tokens']) ?? 0
    const input = count(told['input_tokens'])
    const output = count(told['output_tokens'])
    return {
      ...(input === undefined ? {} : { promptTokens: input + cachedTokens, cachedTokens }),
      // The first event tells no output yet.
      ...(output === undefined || isObject(message) ? {} : { completionTokens: output }),
    }
  },
  finish: ({ delta, stop_reason }) => {
    const reason = (isObject(delta) ? delta['stop_reason'] : stop_reason) ?? undefined
    if (reason === undefined) return undefined
    return reason === 'max_tokens' ? 'length' : 'stop'
  },
  rewrite: (payload, model) => renamed(payload, 'message', model),
  asksForUsage: false,
}

/** OpenAI's events, or vLLM's chunks; whole, one object with the text. */
const TRANSCRIPTS: Grammar = {
  observe(payload) {
    const { type, delta, text } = payload
    if (type === 'transcript.text.done') return { ...textOf(text), deltas: 0 }
    if (type === 'transcript.text.delta') return textOf(delta)
    return payload['choices'] === undefined ? textOf(text) : observeChoices(payload)
  },
  usage({ usage, duration }) {
    const told = isObject(usage) ? usage : {}
    if (told['type'] === 'tokens') {
      return readUsage({
        prompt_tokens: told['input_tokens'] ?? null,
        completion_tokens: told['output_tokens'] ?? null,
      })
    }
    return readUsage(told) ?? heard(told['seconds'] ?? duration)
  },
  finish: (payload) => (payload['type'] === 'transcript.text.done' ? 'stop' : finishOf(payload)),
  rewrite({ usage: _, ...rest }, model) {
    const { choices } = rest
    if (isList(choices) && choices.length === 0) return undefined
    return 'model' in rest ? { ...rest, model } : rest
  },
  asksForUsage: true,
}

/** Seconds of sound as the tokens that they are charged as; some servers write them as text. */
function heard(told: Json | undefined): Usage | undefined {
  const seconds = typeof told === 'string' ? Number.parseFloat(told) : told
  if (typeof seconds !== 'number' || !(seconds >= 0 && seconds < MAX_SECONDS)) return undefined
  return { ...NO_USAGE, promptTokens: audioTokens(seconds) }
}

const MAX_SECONDS = 1_000_000

/** The engine's APIs by endpoint. */
export const GRAMMARS: Readonly<Record<Answered, Grammar>> = {
  '/v1/chat/completions': CHOICES,
  '/v1/completions': CHOICES,
  '/v1/embeddings': CHOICES,
  '/v1/responses': RESPONSES,
  '/v1/messages': MESSAGES,
  '/v1/audio/transcriptions': TRANSCRIPTS,
}

const NOTHING: Observed = { deltas: 0, bytes: 0 }

function textOf(value: Json | undefined): Observed {
  const bytes = typeof value === 'string' ? Buffer.byteLength(value) : 0
  return bytes === 0 ? NOTHING : { deltas: 1, bytes }
}

/** A whole answer's items, their JSON counted with them: it was generated, or is little. */
function itemsOf(value: Json | undefined): Observed {
  if (!isList(value) || value.length === 0) return NOTHING
  return { deltas: value.length, bytes: Buffer.byteLength(JSON.stringify(value)) }
}

function count(value: Json | undefined): number | undefined {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : undefined
}

/** Events hold the answer under a member; whole answers are it. */
function renamed(payload: JsonObject, member: string, model: string): JsonObject {
  const { usage: _, ...rest } = payload
  const inner = rest[member]
  if (isObject(inner)) {
    const { usage: __, ...told } = inner
    return { ...rest, [member]: { ...told, model } }
  }
  return 'model' in rest ? { ...rest, model } : rest
}
