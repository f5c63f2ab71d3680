import type { Json } from '#base/jcs.ts'
import type { JsonObject } from '../../engine.ts'
import type { ToolPiece } from '../chat-delta.ts'

/** An event before it is numbered. */
export type ItemEvent = JsonObject & { readonly type: string }

/** One output item while it grows. Its events are in order; `item` is what it has become. */
export interface OutputItem {
  readonly kind: 'reasoning' | 'message' | 'call'
  open(): ItemEvent[]
  close(): ItemEvent[]
  readonly item: JsonObject
}

type Status = 'in_progress' | 'completed' | 'incomplete'

/** Where an item stands, said in each of its events. */
interface Place {
  readonly item_id: string
  readonly output_index: number
}

export interface TextItem extends OutputItem {
  add(text: string, logprobs: readonly Json[]): ItemEvent[]
}

/**
 * The model's own reasoning, whole. It is told as a summary because that is what every SDK reads and shows.
 * @see https://platform.openai.com/docs/api-reference/responses-streaming
 */
export function createReasoningItem(place: Place): TextItem {
  let text = ''
  let status: Status = 'in_progress'
  const at = { ...place, summary_index: 0 }
  const part = () => ({ type: 'summary_text', text })
  const item = (): JsonObject => ({
    id: place.item_id,
    type: 'reasoning',
    summary: status === 'in_progress' ? [] : [part()],
    status,
  })
  return {
    kind: 'reasoning',
    open: () => [
      { type: 'response.output_item.added', output_index: place.output_index, item: item() },
      { type: 'response.reasoning_summary_part.added', ...at, part: part() },
    ],
    add(delta) {
      text += delta
      return [{ type: 'response.reasoning_summary_text.delta', ...at, delta }]
    },
    close() {
      status = 'completed'
      return [
        { type: 'response.reasoning_summary_text.done', ...at, text },
        { type: 'response.reasoning_summary_part.done', ...at, part: part() },
        { type: 'response.output_item.done', output_index: place.output_index, item: item() },
      ]
    },
    get item() {
      return item()
    },
  }
}

/** Text or a refusal: one message with one content part. @param isCut whether the answer ended at its limit */
export function createMessageItem(
  place: Place,
  kind: 'output_text' | 'refusal',
  isCut: () => boolean,
): TextItem {
  let text = ''
  let logprobs: readonly Json[] = []
  let status: Status = 'in_progress'
  const at = { ...place, content_index: 0 }
  const part = (): JsonObject =>
    kind === 'refusal'
      ? { type: 'refusal', refusal: text }
      : { type: 'output_text', text, annotations: [], logprobs }
  const item = (): JsonObject => ({
    id: place.item_id,
    type: 'message',
    role: 'assistant',
    status,
    content: status === 'in_progress' ? [] : [part()],
  })
  const own = (piece: readonly Json[]) => (kind === 'refusal' ? {} : { logprobs: piece })
  return {
    kind: 'message',
    open: () => [
      { type: 'response.output_item.added', output_index: place.output_index, item: item() },
      { type: 'response.content_part.added', ...at, part: part() },
    ],
    add(delta, piece) {
      text += delta
      logprobs = [...logprobs, ...piece]
      return [{ type: `response.${kind}.delta`, ...at, delta, ...own(piece) }]
    },
    close() {
      status = isCut() ? 'incomplete' : 'completed'
      const said = kind === 'refusal' ? { refusal: text } : { text }
      return [
        { type: `response.${kind}.done`, ...at, ...said, ...own(logprobs) },
        { type: 'response.content_part.done', ...at, part: part() },
        { type: 'response.output_item.done', output_index: place.output_index, item: item() },
      ]
    },
    get item() {
      return item()
    },
  }
}

export interface CallItem extends OutputItem {
  add(piece: ToolPiece): ItemEvent[]
}

/** How the two kinds of calls are named. */
const CALLS = {
  function: {
    type: 'function_call',
    member: 'arguments',
    delta: 'response.function_call_arguments.delta',
    done: 'response.function_call_arguments.done',
  },
  custom: {
    type: 'custom_tool_call',
    member: 'input',
    delta: 'response.custom_tool_call_input.delta',
    done: 'response.custom_tool_call_input.done',
  },
} as const

/** @param first the piece that named the call */
export function createCallItem(place: Place, first: ToolPiece, isCut: () => boolean): CallItem {
  const names = CALLS[first.kind]
  const name = first.name ?? ''
  let text = ''
  let status: Status = 'in_progress'
  const item = (): JsonObject => ({
    id: place.item_id,
    type: names.type,
    status,
    call_id: first.id ?? place.item_id,
    name,
    [names.member]: text,
  })
  return {
    kind: 'call',
    open: () => [
      { type: 'response.output_item.added', output_index: place.output_index, item: item() },
    ],
    add(piece) {
      if (piece.text === '') return []
      text += piece.text
      return [{ type: names.delta, ...place, delta: piece.text }]
    },
    close() {
      status = isCut() ? 'incomplete' : 'completed'
      return [
        { type: names.done, ...place, name, [names.member]: text },
        { type: 'response.output_item.done', output_index: place.output_index, item: item() },
      ]
    },
    get item() {
      return item()
    },
  }
}
