import { isObject, member } from '#base/members.ts'

type Body = Readonly<Record<string, unknown>>

export const NO_DEMANDS: ReadonlySet<string> = new Set()

/** What is asked, of whom and for whom: nothing that a model honours or not. */
const NO_PARAMETERS: ReadonlySet<string> = new Set([
  'model',
  'models',
  'provider',
  'messages',
  'system',
  'prompt',
  'input',
  'instructions',
  'stream',
  'stream_options',
  'usage',
  'encoding_format',
  'metadata',
  'prompt_cache_key',
  'safety_identifier',
  'store',
  'user',
])

/** Members under other names than model lists use. */
const LISTED_AS: ReadonlyMap<string, string> = new Map([
  ['max_output_tokens', 'max_tokens'],
  ['stop_sequences', 'stop'],
  ['functions', 'tools'],
  ['function_call', 'tool_choice'],
  ['reasoning_effort', 'reasoning'],
  ['include_reasoning', 'reasoning'],
  ['thinking', 'reasoning'],
])

/**
 * The parameters of a body, by the names of `supported_parameters`, that change an answer. What no list knows stays
 * under its own name: nobody can promise it.
 */
export function demandsOf(body: Body): ReadonlySet<string> {
  const demands = new Set<string>()
  for (const [name, value] of Object.entries(body)) {
    if (NO_PARAMETERS.has(name) || isIdle(name, value)) continue
    for (const listed of listedAs(name, value)) demands.add(listed)
  }
  return demands
}

/** What asks for nothing, or for what everybody does anyway. */
function isIdle(name: string, value: unknown): boolean {
  if (value === null || value === undefined || value === false) return true
  return name === 'n' ? value === 1 : Array.isArray(value) && value.length === 0
}

function listedAs(name: string, value: unknown): readonly string[] {
  if (name === 'response_format') return formatDemands(value)
  if (name === 'text') return textDemands(value)
  return [LISTED_AS.get(name) ?? name]
}

/** A format by its `type`: plain text is everybody's, a schema must hold. */
function formatDemands(format: unknown): readonly string[] {
  const type = member(format, 'type')
  if (type === 'text') return []
  return type === 'json_schema' ? ['response_format', 'structured_outputs'] : ['response_format']
}

/** Responses say the format, and more, inside of `text`. */
function textDemands(text: unknown): readonly string[] {
  if (!isObject(text)) return ['response_format']
  const { format, ...more } = text
  const others = Object.entries(more).filter(([name, value]) => !isIdle(name, value))
  return [
    ...(format === undefined || format === null ? [] : formatDemands(format)),
    ...others.map(([name]) => name),
  ]
}
