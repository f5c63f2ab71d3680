import type { Json } from '#base/jcs.ts'
import type { JsonObject } from '../../engine.ts'
import { invalid, isList, isObject, textOf, unsupported } from '../../fields.ts'

/** The conversation as chat messages. @throws EngineError */
export function toMessages(input: Json, instructions: Json): JsonObject[] {
  const messages: JsonObject[] = []
  if (instructions !== null) {
    if (typeof instructions !== 'string') {
      throw unsupported('instructions', `'instructions' takes a text`)
    }
    messages.push({ role: 'system', content: instructions })
  }
  if (typeof input === 'string') return [...messages, { role: 'user', content: input }]
  if (!isList(input)) throw invalid('input', `'input' must be a text or a list of items`)
  if (input.length === 0) throw invalid('input', `'input' must not be empty`)
  for (const item of input) addItem(messages, item)
  return messages
}

function addItem(messages: JsonObject[], item: Json): void {
  if (!isObject(item)) throw invalid('input', `'input' takes objects`)
  const type = item['type'] ?? 'message'
  const add = typeof type === 'string' && Object.hasOwn(ITEMS, type) ? ITEMS[type] : undefined
  if (add === undefined) {
    throw unsupported('input', `this type of 'input' item is not supported: nothing is stored here`)
  }
  add(messages, item)
}

type AddItem = (messages: JsonObject[], item: JsonObject) => void

const ITEMS: Readonly<Record<string, AddItem>> = {
  message(messages, { role, content }) {
    if (typeof role !== 'string') throw invalid('input', `an input message must have a role`)
    const told = typeof content === 'string' ? { content } : parts(content ?? null)
    messages.push({ role, ...told })
  },
  function_call: (messages, { call_id, name, arguments: text }) =>
    addCall(messages, {
      id: call_id ?? '',
      type: 'function',
      function: { name: name ?? '', arguments: text ?? '' },
    }),
  custom_tool_call: (messages, { call_id, name, input }) =>
    addCall(messages, {
      id: call_id ?? '',
      type: 'custom',
      custom: { name: name ?? '', input: input ?? '' },
    }),
  function_call_output: addOutput,
  custom_tool_call_output: addOutput,
  // A model's own thoughts of earlier turns: chat templates leave them out as well.
  reasoning: () => {},
}

/** Calls belong to the assistant's message before them, as chat has it. */
function addCall(messages: JsonObject[], call: JsonObject): void {
  const last = messages.at(-1)
  if (last?.['role'] !== 'assistant') {
    messages.push({ role: 'assistant', content: null, tool_calls: [call] })
    return
  }
  const earlier = last['tool_calls']
  messages[messages.length - 1] = {
    ...last,
    tool_calls: [...(isList(earlier) ? earlier : []), call],
  }
}

function addOutput(messages: JsonObject[], { call_id, output }: JsonObject): void {
  const told = typeof output === 'string' ? { content: output } : parts(output ?? null)
  messages.push({ role: 'tool', tool_call_id: call_id ?? '', ...told })
}

/** Content parts as chat names them; an assistant's refusal stands beside its content there. */
function parts(value: Json): { content: Json; refusal?: string } {
  if (!isList(value)) throw invalid('input', `'content' must be a text or a list of parts`)
  const objects = value.map((part) => {
    if (!isObject(part)) throw invalid('input', `'content' takes objects`)
    return part
  })
  const refusals = objects.filter(({ type }) => type === 'refusal')
  const content = objects.filter(({ type }) => type !== 'refusal').map(toPart)
  if (refusals.length === 0) return { content: flat(content) }
  const refusal = refusals.map((part) => textOf(part, 'refusal', 'input')).join('')
  return { content: content.length === 0 ? null : flat(content), refusal }
}

/** One text is said as a text: engines without vision know no other form. */
function flat(content: readonly JsonObject[]): Json {
  const [only] = content
  return content.length === 1 && only?.['type'] === 'text' ? (only['text'] ?? '') : content
}

function toPart(part: JsonObject): JsonObject {
  const { type } = part
  const to = typeof type === 'string' && Object.hasOwn(PARTS, type) ? PARTS[type] : undefined
  if (to === undefined) throw unsupported('input', `this type of content part is not supported`)
  return to(part)
}

const PARTS: Readonly<Record<string, (part: JsonObject) => JsonObject>> = {
  input_text: ({ text }) => ({ type: 'text', text: text ?? '' }),
  output_text: ({ text }) => ({ type: 'text', text: text ?? '' }),
  text: ({ text }) => ({ type: 'text', text: text ?? '' }),
  input_image({ image_url, detail }) {
    if (typeof image_url !== 'string') throw stored()
    return {
      type: 'image_url',
      image_url: { url: image_url, ...(typeof detail === 'string' ? { detail } : {}) },
    }
  },
  input_audio: ({ input_audio }) => ({ type: 'input_audio', input_audio: input_audio ?? null }),
  input_file({ file_data, filename }) {
    if (typeof file_data !== 'string') throw stored()
    return {
      type: 'file',
      file: { file_data, ...(typeof filename === 'string' ? { filename } : {}) },
    }
  },
}

function stored() {
  return unsupported('input', `files and images are sent as data: this gateway stores none`)
}
