import type { Json } from '#base/jcs.ts'
import type { JsonObject } from '../../engine.ts'
import type { Billed } from '../dialect.ts'

/** What is known of a response at one moment. */
export interface ResponseState {
  readonly id: string
  readonly createdAt: number
  readonly model: string
  readonly status: 'in_progress' | 'completed' | 'incomplete' | 'failed'
  readonly output: readonly JsonObject[]
  readonly incomplete?: 'max_output_tokens' | 'content_filter'
  readonly error?: { readonly code: string; readonly message: string }
  readonly billed?: Billed
}

/** Members that a response repeats from its request, and what stands there when it had none. */
const ECHOED: readonly (readonly [name: string, otherwise: Json])[] = [
  ['instructions', null],
  ['max_output_tokens', null],
  ['max_tool_calls', null],
  ['parallel_tool_calls', true],
  ['temperature', 1],
  ['top_p', 1],
  ['top_logprobs', 0],
  ['text', { format: { type: 'text' } }],
  ['tool_choice', 'auto'],
  ['tools', []],
  ['metadata', {}],
  ['safety_identifier', null],
  ['prompt_cache_key', null],
  ['user', null],
]

/** OpenAI's Response object with every member that its SDKs demand. */
export function responseObject(request: JsonObject, state: ResponseState): JsonObject {
  const echoed = ECHOED.map(([name, otherwise]) => [name, request[name] ?? otherwise] as const)
  const reasoning = request['reasoning'] ?? null
  return {
    id: state.id,
    object: 'response',
    created_at: state.createdAt,
    status: state.status,
    background: false,
    error: state.error === undefined ? null : { ...state.error },
    incomplete_details: state.incomplete === undefined ? null : { reason: state.incomplete },
    model: state.model,
    output: state.output,
    previous_response_id: null,
    reasoning: reasoning ?? { effort: null, summary: null },
    service_tier: 'default',
    store: false,
    truncation: 'disabled',
    usage: state.billed === undefined ? null : responseUsage(state.billed),
    ...Object.fromEntries(echoed),
  }
}

export function responseUsage({ usage, cost, costNano }: Billed): JsonObject {
  return {
    input_tokens: usage.promptTokens,
    input_tokens_details: { cached_tokens: usage.cachedTokens },
    output_tokens: usage.completionTokens,
    output_tokens_details: { reasoning_tokens: usage.reasoningTokens },
    total_tokens: usage.promptTokens + usage.completionTokens,
    cost,
    cost_nano: costNano,
  }
}
