import type { Json } from '#base/jcs.ts'
import type { FinishReason, JsonObject } from '../engine.ts'
import { isList, isObject } from '../fields.ts'
import type { Observed } from '../reconcile-usage.ts'

/** Fields of a delta or message whose text the model generated. */
const TEXT_FIELDS = ['content', 'reasoning_content', 'reasoning', 'refusal', 'text'] as const

/** What one chunk or answer visibly carries, over all of its choices. */
export function observeChoices(payload: JsonObject): Observed {
  const choices = payload['choices']
  let deltas = 0
  let bytes = 0
  for (const choice of isList(choices) ? choices : []) {
    if (!isObject(choice)) continue
    const size = generatedBytes(choice['delta'] ?? choice['message'] ?? choice)
    bytes += size
    if (size > 0) deltas++
  }
  return { deltas, bytes }
}

/** The finish reason of the first choice that names one. */
export function finishOf(payload: JsonObject): FinishReason | undefined {
  const choices = payload['choices']
  for (const choice of isList(choices) ? choices : []) {
    const reason = isObject(choice) ? choice['finish_reason'] : undefined
    if (typeof reason === 'string') return reason === 'length' ? 'length' : 'stop'
  }
  return undefined
}

function generatedBytes(delta: Json): number {
  if (!isObject(delta)) return 0
  let bytes = 0
  for (const field of TEXT_FIELDS) bytes += textBytes(delta[field])
  // Tool calls arrive as JSON; its punctuation was generated too.
  const calls = delta['tool_calls'] ?? delta['function_call'] ?? undefined
  return calls === undefined ? bytes : bytes + Buffer.byteLength(JSON.stringify(calls))
}

function textBytes(value: Json | undefined): number {
  return typeof value === 'string' ? Buffer.byteLength(value) : 0
}
