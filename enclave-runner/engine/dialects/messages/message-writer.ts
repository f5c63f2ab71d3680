import type { Json } from '#base/jcs.ts'
import type { JsonObject } from '../../engine.ts'
import { EngineError } from '../../engine-error.ts'
import { isList, isObject } from '../../fields.ts'
import { type ChatDelta, readDelta, type ToolPiece } from '../chat-delta.ts'
import type { AnswerWriter, Billed, ErrorObject } from '../dialect.ts'
import { namedEvent, parseChunk } from '../sse.ts'
import { anthropicError } from './error.ts'
import { messageUsage, NO_TOKENS } from './usage.ts'

export function createMessageWriter(request: JsonObject): AnswerWriter {
  return new MessageWriter(request)
}

type BlockEvent = JsonObject & { readonly type: string }

/** A content block while it grows. */
interface Block {
  readonly index: number
  readonly kind: 'thinking' | 'text' | 'tool_use'
  /** What it starts as, without what comes in pieces. */
  readonly start: JsonObject
  text: string
}

/** The stop reasons that follow from chat's `finish_reason`. */
const REASONS: ReadonlyMap<string, string> = new Map([
  ['length', 'max_tokens'],
  ['tool_calls', 'tool_use'],
  ['function_call', 'tool_use'],
  ['content_filter', 'refusal'],
])
const DELTAS = {
  thinking: (thinking: string): JsonObject => ({ type: 'thinking_delta', thinking }),
  text: (text: string): JsonObject => ({ type: 'text_delta', text }),
  tool_use: (partial_json: string): JsonObject => ({ type: 'input_json_delta', partial_json }),
} as const

/** Turns a chat answer into a message and its events. */
class MessageWriter implements AnswerWriter {
  readonly #stops: readonly Json[]
  #key: string | undefined
  #model = ''
  readonly #blocks: Block[] = []
  /** The text or thinking block that is still growing. */
  #open: Block | undefined
  /** Calls grow side by side until the end. */
  readonly #calls = new Map<number, Block>()
  #finish: string | undefined
  #stop: string | undefined
  #isRefusal = false

  constructor(request: JsonObject) {
    const stops = request['stop_sequences']
    this.#stops = isList(stops) ? stops : []
  }

  get id(): string | undefined {
    return this.#key === undefined ? undefined : `msg_${this.#key}`
  }

  chunk(data: string): string {
    const chunk = parseChunk(data)
    const opening = this.#key === undefined ? this.#begin(chunk) : []
    return write([...opening, ...this.#take(readDelta(chunk))])
  }

  cut(): string {
    this.#finish = 'length'
    return ''
  }

  end(billed: Billed): string {
    return write([
      ...this.#closeAll(),
      { type: 'message_delta', delta: this.#ending(), usage: messageUsage(billed) },
      { type: 'message_stop' },
    ])
  }

  fail(error: ErrorObject): string {
    return namedEvent({ type: 'error', ...anthropicError(error) })
  }

  whole(answer: JsonObject, billed: Billed): JsonObject {
    this.#begin(answer)
    this.#take(readDelta(answer))
    return {
      ...this.#message(this.#blocks.map(blockObject)),
      ...this.#ending(),
      usage: messageUsage(billed),
    }
  }

  #begin({ id, model }: JsonObject): BlockEvent[] {
    this.#key = (typeof id === 'string' ? id : '').replace(/^chatcmpl-/, '')
    this.#model = typeof model === 'string' ? model : ''
    const usage = { ...NO_TOKENS }
    return [{ type: 'message_start', message: { ...this.#message([]), usage } }]
  }

  #message(content: readonly JsonObject[]): JsonObject {
    return {
      id: this.id ?? '',
      type: 'message',
      role: 'assistant',
      model: this.#model,
      content,
      stop_reason: null,
      stop_sequence: null,
    }
  }

  #take(delta: ChatDelta): BlockEvent[] {
    this.#finish = delta.finish ?? this.#finish
    this.#stop = delta.stop ?? this.#stop
    const events: BlockEvent[] = []
    if (delta.reasoning !== '') events.push(...this.#say('thinking', delta.reasoning))
    if (delta.content !== '') events.push(...this.#say('text', delta.content))
    if (delta.refusal !== '') {
      this.#isRefusal = true
      events.push(...this.#say('text', delta.refusal))
    }
    for (const piece of delta.tools) events.push(...this.#call(piece))
    return events
  }

  #say(kind: 'thinking' | 'text', text: string): BlockEvent[] {
    if (this.#open?.kind === kind) return [grow(this.#open, text)]
    const closing = this.#closeText()
    const start = kind === 'text' ? { type: kind, citations: null } : { type: kind, signature: '' }
    const block = this.#append(kind, start)
    this.#open = block
    return [...closing, startOf(block), grow(block, text)]
  }

  #call(piece: ToolPiece): BlockEvent[] {
    const known = this.#calls.get(piece.index)
    if (known !== undefined) return piece.text === '' ? [] : [grow(known, piece.text)]
    const closing = this.#closeText()
    const id = piece.id ?? `toolu_${this.#key}_${piece.index}`
    const block = this.#append('tool_use', { type: 'tool_use', id, name: piece.name ?? '' })
    this.#calls.set(piece.index, block)
    const growth = piece.text === '' ? [] : [grow(block, piece.text)]
    return [...closing, startOf(block), ...growth]
  }

  #append(kind: Block['kind'], start: JsonObject): Block {
    const block = { index: this.#blocks.length, kind, start, text: '' }
    this.#blocks.push(block)
    return block
  }

  #closeText(): BlockEvent[] {
    const open = this.#open
    this.#open = undefined
    return open === undefined ? [] : [stopOf(open)]
  }

  #closeAll(): BlockEvent[] {
    return [...this.#closeText(), ...[...this.#calls.values()].map(stopOf)]
  }

  #ending(): JsonObject {
    const stopped = this.#stop !== undefined && this.#stops.includes(this.#stop)
    if (stopped) return { stop_reason: 'stop_sequence', stop_sequence: this.#stop ?? null }
    const reason = this.#isRefusal ? 'refusal' : (REASONS.get(this.#finish ?? '') ?? 'end_turn')
    return { stop_reason: reason, stop_sequence: null }
  }
}

function write(events: readonly BlockEvent[]): string {
  return events.map(namedEvent).join('')
}

function grow(block: Block, text: string): BlockEvent {
  block.text += text
  return { type: 'content_block_delta', index: block.index, delta: DELTAS[block.kind](text) }
}

/** A block starts empty; what it becomes is in its deltas. */
function startOf({ index, kind, start }: Block): BlockEvent {
  const empty = kind === 'tool_use' ? { input: {} } : { [kind]: '' }
  return { type: 'content_block_start', index, content_block: { ...start, ...empty } }
}

function stopOf({ index }: Block): BlockEvent {
  return { type: 'content_block_stop', index }
}

function blockObject({ kind, start, text }: Block): JsonObject {
  return kind === 'tool_use' ? { ...start, input: toolInput(text) } : { ...start, [kind]: text }
}

function toolInput(text: string): JsonObject {
  try {
    const input: unknown = JSON.parse(text === '' ? '{}' : text)
    if (isObject(input)) return input
  } catch {
    // Said below.
  }
  throw new EngineError('engine_failed', 'the model called a tool with arguments that are not JSON')
}
