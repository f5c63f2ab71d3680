import type { Json } from '#base/jcs.ts'
import type { JsonObject } from '../../engine.ts'
import { integerField, invalid, isList, isObject, objectField } from '../../fields.ts'
import { requireName } from '../require-name.ts'
import { refuseHosted } from './refuse-hosted.ts'
import { toMessages } from './to-messages.ts'

/** Members that mean something to Messages only, or that another one stands for in chat. */
const OWN = new Set([
  'system',
  'messages',
  'stop_sequences',
  'tools',
  'tool_choice',
  'thinking',
  'metadata',
  'output_config',
  'output_format',
  'anthropic_version',
  'betas',
  'cache_control',
  'container',
  'mcp_servers',
  'context_management',
])
/** From how many tokens of thinking on an effort is meant. */
const EFFORTS = [
  [16_384, 'high'],
  [4_096, 'medium'],
  [0, 'low'],
] as const

/** The chat request that says the same. Members that neither API knows pass through. @throws EngineError */
export function toChatRequest(body: JsonObject): JsonObject {
  if (integerField(body, 'max_tokens', 1, Number.MAX_SAFE_INTEGER) === undefined) {
    throw invalid('max_tokens', `'max_tokens' is required`)
  }
  refuseHosted(body)
  const rest = Object.entries(body).filter(([name]) => !OWN.has(name))
  return {
    ...Object.fromEntries(rest),
    messages: toMessages(body['messages'] ?? null, body['system'] ?? null),
    ...stops(body['stop_sequences'] ?? null),
    ...thinking(objectField(body, 'thinking')),
    ...output(body),
    ...user(body['metadata'] ?? null),
    ...tools(body['tools'] ?? null),
    ...toolChoice(body['tool_choice'] ?? null),
  }
}

function stops(value: Json): JsonObject {
  return value === null || (isList(value) && value.length === 0) ? {} : { stop: value }
}

function thinking(value: JsonObject | undefined): JsonObject {
  if (value?.['type'] !== 'enabled') return {}
  const budget = value['budget_tokens']
  const tokens = typeof budget === 'number' ? budget : 0
  const effort = EFFORTS.find(([from]) => tokens >= from)
  return effort === undefined ? {} : { reasoning_effort: effort[1] }
}

function output(body: JsonObject): JsonObject {
  const config = isObject(body['output_config']) ? body['output_config'] : {}
  const format = config['format'] ?? body['output_format'] ?? null
  const effort = config['effort'] ?? null
  return {
    ...(effort === null ? {} : { reasoning_effort: effort }),
    ...(isObject(format) && format['type'] === 'json_schema'
      ? {
          response_format: {
            type: 'json_schema',
            json_schema: { name: 'answer', schema: format['schema'] ?? {}, strict: true },
          },
        }
      : {}),
  }
}

function user(metadata: Json): JsonObject {
  const id = isObject(metadata) ? metadata['user_id'] : undefined
  return typeof id === 'string' ? { user: id } : {}
}

function tools(value: Json): JsonObject {
  if (value === null || (isList(value) && value.length === 0)) return {}
  if (!isList(value)) throw invalid('tools', `'tools' must be a list`)
  return { tools: value.map(tool) }
}

function tool(value: Json): JsonObject {
  if (!isObject(value)) throw invalid('tools', `'tools' takes objects`)
  const { description, input_schema, strict } = value
  return {
    type: 'function',
    function: {
      name: requireName(value),
      ...(typeof description === 'string' ? { description } : {}),
      parameters: input_schema ?? { type: 'object' },
      ...(typeof strict === 'boolean' ? { strict } : {}),
    },
  }
}

const CHOICES: Readonly<Record<string, string>> = { auto: 'auto', any: 'required', none: 'none' }

function toolChoice(value: Json): JsonObject {
  if (value === null) return {}
  if (!isObject(value)) throw invalid('tool_choice', `'tool_choice' must be an object`)
  const { type, name, disable_parallel_tool_use } = value
  const named = type === 'tool' ? { type: 'function', function: { name: name ?? '' } } : undefined
  const choice = named ?? (typeof type === 'string' ? CHOICES[type] : undefined)
  if (choice === undefined) throw invalid('tool_choice', `'tool_choice' has an unknown type`)
  return {
    tool_choice: choice,
    ...(disable_parallel_tool_use === true ? { parallel_tool_calls: false } : {}),
  }
}
