import type { Json } from '#base/jcs.ts'
import type { JsonObject } from '../../engine.ts'
import { invalid, isList, isObject, objectField, unsupported } from '../../fields.ts'
import { requireName } from '../require-name.ts'
import { toMessages } from './to-messages.ts'

/** Members that mean something to Responses only, or that another one stands for in chat. */
const OWN = new Set([
  'input',
  'instructions',
  'text',
  'reasoning',
  'max_output_tokens',
  'max_tool_calls',
  'store',
  'include',
  'truncation',
  'background',
  'previous_response_id',
  'conversation',
  'prompt',
  'tools',
  'tool_choice',
  'top_logprobs',
  'stream_options',
  'n',
])

/** The chat request that says the same. Members that neither API knows pass through. @throws EngineError */
export function toChatRequest(body: JsonObject): JsonObject {
  const rest = Object.entries(body).filter(([name]) => !OWN.has(name))
  return {
    ...Object.fromEntries(rest),
    messages: toMessages(body['input'] ?? null, body['instructions'] ?? null),
    ...renamed(body, 'max_output_tokens', 'max_tokens'),
    ...logprobs(body),
    ...textOptions(body['text'] ?? null),
    ...reasoningOptions(body),
    ...tools(body['tools'] ?? null),
    ...toolChoice(body['tool_choice'] ?? null),
  }
}

function renamed(body: JsonObject, from: string, to: string): JsonObject {
  const value = body[from] ?? null
  return value === null ? {} : { [to]: value }
}

function logprobs(body: JsonObject): JsonObject {
  const include = body['include'] ?? []
  const wanted = isList(include) && include.includes('message.output_text.logprobs')
  const top = body['top_logprobs'] ?? null
  if (!wanted && top === null) return {}
  return { logprobs: true, ...(top === null ? {} : { top_logprobs: top }) }
}

function textOptions(text: Json): JsonObject {
  if (text === null) return {}
  if (!isObject(text)) throw invalid('text', `'text' must be an object`)
  const format = text['format'] ?? null
  return {
    ...renamed(text, 'verbosity', 'verbosity'),
    ...(isObject(format) && format['type'] !== 'text'
      ? { response_format: responseFormat(format) }
      : {}),
  }
}

/** Responses has the schema beside the type, chat one level deeper. */
function responseFormat(format: JsonObject): JsonObject {
  if (format['type'] !== 'json_schema') return format
  const { type, ...json_schema } = format
  return { type, json_schema }
}

function reasoningOptions(body: JsonObject): JsonObject {
  const reasoning = objectField(body, 'reasoning')
  return reasoning === undefined ? {} : renamed(reasoning, 'effort', 'reasoning_effort')
}

function tools(value: Json): JsonObject {
  if (value === null) return {}
  if (!isList(value)) throw invalid('tools', `'tools' must be a list`)
  if (value.length === 0) return {}
  return { tools: value.map(tool) }
}

function tool(value: Json): JsonObject {
  if (!isObject(value)) throw invalid('tools', `'tools' takes objects`)
  const { type, ...told } = value
  requireName(told)
  return type === 'custom' ? { type, custom: told } : { type: 'function', function: told }
}

function toolChoice(value: Json): JsonObject {
  if (value === null) return {}
  if (typeof value === 'string') return { tool_choice: value }
  if (!isObject(value)) throw invalid('tool_choice', `'tool_choice' must be a string or an object`)
  const { type, name, mode } = value
  if (type === 'function' || type === 'custom') {
    return { tool_choice: { type, [type]: { name: name ?? '' } } }
  }
  if (type === 'allowed_tools' && isList(value['tools'])) {
    const allowed_tools = { mode: mode ?? 'auto', tools: value['tools'].map(tool) }
    return { tool_choice: { type, allowed_tools } }
  }
  throw unsupported('tool_choice', `'tool_choice' names a tool that is not supported`)
}
