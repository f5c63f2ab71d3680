import type { Json } from '#base/jcs.ts'
import type { JsonObject } from '../../engine.ts'
import { invalid, isList, isObject, textOf, unsupported } from '../../fields.ts'

/** The conversation as chat messages. @throws EngineError */
export function toMessages(messages: Json, system: Json): JsonObject[] {
  if (!isList(messages)) throw invalid('messages', `'messages' must be a list`)
  const first = system === null ? [] : [{ role: 'system', content: systemText(system) }]
  return [...first, ...messages.flatMap(turn)]
}

function systemText(system: Json): string {
  if (typeof system === 'string') return system
  return blocksOf(system, 'system')
    .map((block) => textOf(block, 'text', 'system'))
    .join('\n')
}

function turn(message: Json): JsonObject[] {
  if (!isObject(message)) throw invalid('messages', `'messages' takes objects`)
  const { role, content = null } = message
  if (role !== 'user' && role !== 'assistant' && role !== 'system') {
    throw invalid('messages', `a message's role is user or assistant`)
  }
  if (typeof content === 'string') return [{ role, content }]
  const blocks = blocksOf(content, 'messages')
  return role === 'assistant' ? [assistantTurn(blocks)] : userTurn(role, blocks)
}

/** Results of tools come first, each a message of its own, as chat has it. */
function userTurn(role: string, blocks: readonly JsonObject[]): JsonObject[] {
  const results = blocks.filter(({ type }) => type === 'tool_result').map(toolResult)
  const rest = blocks.filter(({ type }) => type !== 'tool_result').map(toPart)
  return rest.length === 0 ? results : [...results, { role, content: flat(rest) }]
}

function toolResult({ tool_use_id, content = null, is_error }: JsonObject): JsonObject {
  const told = content === null ? '' : content
  const said = typeof told === 'string' ? told : flat(blocksOf(told, 'messages').map(toPart))
  const failed = is_error === true && typeof said === 'string' ? `Error: ${said}` : said
  return { role: 'tool', tool_call_id: tool_use_id ?? '', content: failed }
}

/** Thoughts of earlier turns are left out, as chat templates do. */
const THOUGHTS: ReadonlySet<unknown> = new Set(['thinking', 'redacted_thinking'])

function assistantTurn(blocks: readonly JsonObject[]): JsonObject {
  const calls = blocks.filter(({ type }) => type === 'tool_use').map(toCall)
  const said = blocks.filter(({ type }) => type !== 'tool_use' && !THOUGHTS.has(type)).map(toPart)
  return {
    role: 'assistant',
    content: said.length === 0 ? null : flat(said),
    ...(calls.length === 0 ? {} : { tool_calls: calls }),
  }
}

function toCall({ id, name, input }: JsonObject): JsonObject {
  const text = JSON.stringify(input ?? {})
  return { id: id ?? '', type: 'function', function: { name: name ?? '', arguments: text } }
}

/** One text is said as a text: engines without vision know no other form. */
function flat(parts: readonly JsonObject[]): Json {
  const [only] = parts
  return parts.length === 1 && only?.['type'] === 'text' ? (only['text'] ?? '') : parts
}

function toPart(block: JsonObject): JsonObject {
  const { type, source } = block
  if (type === 'text') return { type, text: block['text'] ?? '' }
  if (type === 'image' && isObject(source)) {
    return { type: 'image_url', image_url: { url: dataUrl(source) } }
  }
  if (type === 'document' && isObject(source)) {
    return source['type'] === 'text'
      ? { type: 'text', text: source['data'] ?? '' }
      : { type: 'file', file: { file_data: dataUrl(source) } }
  }
  throw unsupported('messages', `this type of content block is not supported`)
}

function dataUrl(source: JsonObject): string {
  const { type } = source
  const told = (key: string): string => textOf(source, key, 'messages')
  if (type === 'base64') return `data:${told('media_type')};base64,${told('data')}`
  // Only `data:` passes the check of remote addresses.
  if (type === 'url') return told('url')
  throw unsupported('messages', `files and images are sent as data: this gateway stores none`)
}

function blocksOf(value: Json, param: string): readonly JsonObject[] {
  if (!isList(value)) throw invalid(param, `'${param}' takes a text or a list of blocks`)
  return value.map((block) => {
    if (!isObject(block)) throw invalid(param, `'${param}' takes objects`)
    return block
  })
}
