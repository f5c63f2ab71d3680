import type { Features, JsonObject } from '../engine.ts'
import {
  booleanField,
  integerField,
  invalid,
  isList,
  isObject,
  numberField,
  unsupported,
} from '../fields.ts'

/** How to sample, read from an OpenAI request. */
export interface Parameters {
  /** 0 picks the likeliest token. */
  readonly temperature: number
  readonly topP: number
  readonly seed: number | undefined
  readonly stop: readonly string[]
  readonly maxTokens: number | undefined
  /** Alternatives to report per token; undefined when log-probabilities were not asked for. */
  readonly topLogprobs: number | undefined
}

/** What `readParameters` reads, as model lists name it. */
export const HONOURED: Features['supported_parameters'] = [
  'max_tokens',
  'max_completion_tokens',
  'temperature',
  'top_p',
  'stop',
  'seed',
  'logprobs',
  'top_logprobs',
]

/** The model card's recommended sampling: at OpenAI's default of 1 so small a model rambles. */
const DEFAULT_TEMPERATURE = 0.6
const MAX_TEMPERATURE = 2
const MAX_STOPS = 4
const MAX_STOP_LENGTH = 256
const MAX_TOP_LOGPROBS = 20

/**
 * Reads what the demonstration engine honours, refuses what would silently change the answer's shape
 * (`n` above 1, forced output formats), and lets unknown fields pass as OpenAI-compatible servers do.
 * @throws EngineError invalid_request, unsupported_parameter
 */
export function readParameters(body: JsonObject): Parameters {
  if ((integerField(body, 'n', 1, Number.MAX_SAFE_INTEGER) ?? 1) !== 1) {
    throw unsupported('n', "the demonstration model gives one answer: 'n' must be 1")
  }
  refuseForcedCall(body)
  const format = body['response_format'] ?? undefined
  if (format !== undefined && !(isObject(format) && format['type'] === 'text')) {
    throw unsupported('response_format', 'the demonstration model answers in plain text only')
  }
  return {
    temperature: numberField(body, 'temperature', 0, MAX_TEMPERATURE) ?? DEFAULT_TEMPERATURE,
    topP: numberField(body, 'top_p', 0, 1) ?? 1,
    seed: integerField(body, 'seed', Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER),
    stop: readStop(body),
    maxTokens:
      integerField(body, 'max_completion_tokens', 1, Number.MAX_SAFE_INTEGER) ??
      integerField(body, 'max_tokens', 1, Number.MAX_SAFE_INTEGER),
    topLogprobs: readLogprobs(body),
  }
}

/** It calls no tools: that it may is nothing to refuse, that it must is. */
function refuseForcedCall(body: JsonObject): void {
  const choice = body['tool_choice'] ?? 'none'
  if (choice === 'none' || choice === 'auto') return
  throw unsupported('tool_choice', 'the demonstration model calls no tools')
}

function readStop(body: JsonObject): readonly string[] {
  const value = body['stop'] ?? []
  const stops = typeof value === 'string' ? [value] : value
  if (!isList(stops) || stops.length > MAX_STOPS) {
    throw invalid('stop', `'stop' must be a string or up to ${MAX_STOPS} strings`)
  }
  return stops.map((stop) => {
    if (typeof stop !== 'string' || stop === '' || stop.length > MAX_STOP_LENGTH) {
      throw invalid('stop', `a stop sequence has 1 to ${MAX_STOP_LENGTH} characters`)
    }
    return stop
  })
}

function readLogprobs(body: JsonObject): number | undefined {
  const alternatives = integerField(body, 'top_logprobs', 0, MAX_TOP_LOGPROBS)
  if (typeof body['logprobs'] === 'number') {
    throw unsupported('logprobs', 'the demonstration model tells log-probabilities in chats only')
  }
  const wanted = booleanField(body, 'logprobs') ?? false
  if (!wanted && alternatives !== undefined) {
    throw invalid('top_logprobs', "'top_logprobs' needs 'logprobs': true")
  }
  return wanted ? (alternatives ?? 0) : undefined
}
