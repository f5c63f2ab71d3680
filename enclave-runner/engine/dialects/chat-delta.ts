import type { Json } from '#base/jcs.ts'
import type { JsonObject } from '../engine.ts'
import { isList, isObject } from '../fields.ts'

/** A piece of one tool call: the first one of a call has its id and name. */
export interface ToolPiece {
  readonly index: number
  readonly id: string | undefined
  readonly kind: 'function' | 'custom'
  readonly name: string | undefined
  /** Arguments of a function as JSON text, or a custom tool's input, in pieces. */
  readonly text: string
}

/** What a chunk, or a whole message, of a chat answer carries in its first choice. */
export interface ChatDelta {
  readonly reasoning: string
  readonly content: string
  readonly refusal: string
  readonly logprobs: readonly Json[]
  readonly tools: readonly ToolPiece[]
  /** `finish_reason`, at the end. */
  readonly finish: string | undefined
  /** The stop sequence that ended it, where the engine tells (vLLM's `stop_reason`). */
  readonly stop: string | undefined
}

/** Reads a chunk's `delta`, or a whole answer's `message`: both have the same members. */
export function readDelta(payload: JsonObject): ChatDelta {
  const choices = payload['choices']
  const choice = isList(choices) ? choices[0] : undefined
  if (!isObject(choice)) return NOTHING
  const told = choice['delta'] ?? choice['message'] ?? {}
  const delta = isObject(told) ? told : {}
  const logprobs = isObject(choice['logprobs']) ? choice['logprobs']['content'] : undefined
  return {
    // Engines name it either way; some send both with the same text.
    reasoning: text(delta['reasoning_content']) || text(delta['reasoning']),
    content: text(delta['content']),
    refusal: text(delta['refusal']),
    logprobs: isList(logprobs) ? logprobs : [],
    tools: toolPieces(delta['tool_calls']),
    finish: optional(choice['finish_reason']),
    stop: optional(choice['stop_reason']),
  }
}

const NOTHING: ChatDelta = {
  reasoning: '',
  content: '',
  refusal: '',
  logprobs: [],
  tools: [],
  finish: undefined,
  stop: undefined,
}

function toolPieces(value: Json | undefined): ToolPiece[] {
  return (isList(value) ? value : []).filter(isObject).map((call, at) => {
    const kind = call['type'] === 'custom' || call['custom'] !== undefined ? 'custom' : 'function'
    const told = call[kind]
    const body = isObject(told) ? told : {}
    const index = call['index']
    return {
      // Whole messages have no index: their order is it.
      index: typeof index === 'number' ? index : at,
      id: optional(call['id']),
      kind,
      name: optional(body['name']),
      text: text(body[kind === 'custom' ? 'input' : 'arguments']),
    }
  })
}

function text(value: Json | undefined): string {
  return typeof value === 'string' ? value : ''
}

function optional(value: Json | undefined): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}
