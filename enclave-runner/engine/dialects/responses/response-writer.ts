import type { JsonObject } from '../../engine.ts'
import { type ChatDelta, readDelta, type ToolPiece } from '../chat-delta.ts'
import type { AnswerWriter, Billed, ErrorObject } from '../dialect.ts'
import { namedEvent, parseChunk } from '../sse.ts'
import {
  type CallItem,
  createCallItem,
  createMessageItem,
  createReasoningItem,
  type ItemEvent,
  type OutputItem,
  type TextItem,
} from './output-items.ts'
import { type ResponseState, responseObject } from './response-object.ts'

/** @param request the caller's own, which a response repeats in part */
export function createResponseWriter(request: JsonObject): AnswerWriter {
  return new ResponseWriter(request)
}

/** Turns a chat answer into a Response and its events, in order and numbered. */
class ResponseWriter implements AnswerWriter {
  readonly #request: JsonObject
  #sequence = 0
  #key: string | undefined
  #createdAt = 0
  #model = ''
  readonly #items: OutputItem[] = []
  /** The text item that is still growing. */
  #text:
    | { readonly item: TextItem; readonly kind: 'reasoning' | 'output_text' | 'refusal' }
    | undefined
  /** Calls grow side by side until the end. */
  readonly #calls = new Map<number, CallItem>()
  #finish: string | undefined

  constructor(request: JsonObject) {
    this.#request = request
  }

  get id(): string | undefined {
    return this.#key === undefined ? undefined : `resp_${this.#key}`
  }

  chunk(data: string): string {
    const chunk = parseChunk(data)
    const opening = this.#key === undefined ? this.#begin(chunk) : []
    return this.#write([...opening, ...this.#take(readDelta(chunk))])
  }

  cut(): string {
    this.#finish = 'length'
    return ''
  }

  end(billed: Billed): string {
    const events = this.#closeAll()
    const state = this.#ended(billed)
    return this.#write([...events, this.#about(`response.${state.status}`, state)])
  }

  fail(error: ErrorObject): string {
    const { code, message, param } = error
    const failed = { ...this.#state('failed'), error: { code: 'server_error', message } }
    return this.#write([
      ...(this.#key === undefined ? [] : [this.#about('response.failed', failed)]),
      // Older SDKs look for `error` itself, newer ones for the event's name.
      { type: 'error', code, message, param, error: { ...error } },
    ])
  }

  whole(answer: JsonObject, billed: Billed): JsonObject {
    this.#begin(answer)
    this.#take(readDelta(answer))
    this.#closeAll()
    return responseObject(this.#request, this.#ended(billed))
  }

  #begin(first: JsonObject): ItemEvent[] {
    const { id, created, model } = first
    this.#key = (typeof id === 'string' ? id : '').replace(/^chatcmpl-/, '')
    this.#createdAt = typeof created === 'number' ? created : 0
    this.#model = typeof model === 'string' ? model : ''
    const state = this.#state('in_progress')
    return [this.#about('response.created', state), this.#about('response.in_progress', state)]
  }

  #take(delta: ChatDelta): ItemEvent[] {
    this.#finish = delta.finish ?? this.#finish
    const events: ItemEvent[] = []
    if (delta.reasoning !== '') events.push(...this.#say('reasoning', delta.reasoning, delta))
    if (delta.content !== '') events.push(...this.#say('output_text', delta.content, delta))
    if (delta.refusal !== '') events.push(...this.#say('refusal', delta.refusal, delta))
    for (const piece of delta.tools) events.push(...this.#call(piece))
    return events
  }

  #say(
    kind: 'reasoning' | 'output_text' | 'refusal',
    text: string,
    { logprobs }: ChatDelta,
  ): ItemEvent[] {
    const piece = kind === 'output_text' ? logprobs : []
    if (this.#text?.kind === kind) return this.#text.item.add(text, piece)
    const closing = this.#closeText()
    const item = this.#newText(kind)
    this.#text = { item, kind }
    return [...closing, ...this.#append(item), ...item.add(text, piece)]
  }

  #newText(kind: 'reasoning' | 'output_text' | 'refusal'): TextItem {
    if (kind === 'reasoning') return createReasoningItem(this.#place('rs'))
    return createMessageItem(this.#place('msg'), kind, () => this.#isCut())
  }

  #call(piece: ToolPiece): ItemEvent[] {
    const known = this.#calls.get(piece.index)
    if (known !== undefined) return known.add(piece)
    const closing = this.#closeText()
    const place = this.#place(piece.kind === 'custom' ? 'ctc' : 'fc')
    const item = createCallItem(place, piece, () => this.#isCut())
    this.#calls.set(piece.index, item)
    return [...closing, ...this.#append(item), ...item.add(piece)]
  }

  #place(prefix: string) {
    const output_index = this.#items.length
    return { item_id: `${prefix}_${this.#key}_${output_index}`, output_index }
  }

  #append(item: OutputItem): ItemEvent[] {
    this.#items.push(item)
    return item.open()
  }

  #closeText(): ItemEvent[] {
    const events = this.#text?.item.close() ?? []
    this.#text = undefined
    return events
  }

  #closeAll(): ItemEvent[] {
    return [...this.#closeText(), ...[...this.#calls.values()].flatMap((item) => item.close())]
  }

  #isCut(): boolean {
    return this.#finish === 'length' || this.#finish === 'content_filter'
  }

  #ended(billed: Billed): ResponseState {
    if (!this.#isCut()) return { ...this.#state('completed'), billed }
    const incomplete = this.#finish === 'length' ? 'max_output_tokens' : 'content_filter'
    return { ...this.#state('incomplete'), incomplete, billed }
  }

  #state(status: ResponseState['status']): ResponseState {
    return {
      id: this.id ?? '',
      createdAt: this.#createdAt,
      model: this.#model,
      status,
      output: this.#items.map(({ item }) => item),
    }
  }

  #about(type: string, state: ResponseState): ItemEvent {
    return { type, response: responseObject(this.#request, state) }
  }

  #write(events: readonly ItemEvent[]): string {
    return events
      .map((event) => namedEvent({ ...event, sequence_number: this.#sequence++ }))
      .join('')
  }
}
