import type { Json } from '#base/jcs.ts'
import type { Answered, JsonObject } from '../engine.ts'
import { isObject } from '../fields.ts'
import type { AnswerWriter, Billed, Dialect, ErrorObject } from './dialect.ts'
import { anthropicError } from './messages/error.ts'
import { refuseHosted } from './messages/refuse-hosted.ts'
import { messageUsage } from './messages/usage.ts'
import { refuseState } from './responses/refuse-state.ts'
import { responseUsage } from './responses/response-object.ts'
import { namedEvent, parseChunk } from './sse.ts'

type NamedEvent = JsonObject & { readonly type: string }

/** What differs between the two APIs whose events have names. */
interface Grammar {
  /** Under which member the first event has the answer's id. */
  readonly container: 'response' | 'message'
  /** Events that come last: they are held back until the usage in them can be ours. */
  readonly last: ReadonlySet<Json | undefined>
  readonly usage: (billed: Billed) => JsonObject
  /** A last event with our usage. */
  readonly withUsage: (event: NamedEvent, usage: JsonObject) => NamedEvent
  /** The last events of an answer that the allowance cut. @param first the container as it began */
  readonly cut: (first: JsonObject) => readonly NamedEvent[]
  readonly fail: (error: ErrorObject) => NamedEvent
}

const RESPONSES: Grammar = {
  container: 'response',
  last: new Set(['response.completed', 'response.incomplete']),
  usage: responseUsage,
  withUsage: (event, usage) =>
    isObject(event['response'])
      ? { ...event, response: { ...event['response'], store: false, usage } }
      : event,
  cut: (first) => [
    {
      type: 'response.incomplete',
      response: {
        ...first,
        status: 'incomplete',
        incomplete_details: { reason: 'max_output_tokens' },
      },
    },
  ],
  fail(error) {
    const { code, message, param } = error
    return { type: 'error', code, message, param, error: { ...error } }
  },
}

const MESSAGES: Grammar = {
  container: 'message',
  last: new Set(['message_delta', 'message_stop']),
  usage: messageUsage,
  withUsage: (event, usage) => (event.type === 'message_delta' ? { ...event, usage } : event),
  cut: () => [
    { type: 'message_delta', delta: { stop_reason: 'max_tokens', stop_sequence: null } },
    { type: 'message_stop' },
  ],
  fail: (error) => ({ type: 'error', ...anthropicError(error) }),
}

/** An engine that speaks Responses or Messages itself: its events pass, the usage in them is ours. @throws EngineError */
export function openNative(endpoint: Answered, body: JsonObject): Dialect {
  if (endpoint === '/v1/messages') {
    refuseHosted(body)
    return { endpoint, body, writer: createWriter(MESSAGES) }
  }
  refuseState(body)
  return { endpoint, body: { ...body, store: false }, writer: createWriter(RESPONSES) }
}

function createWriter(grammar: Grammar): AnswerWriter {
  let first: JsonObject | undefined
  let last: readonly NamedEvent[] = []
  let sequence = 0
  const numbered = (event: NamedEvent): NamedEvent =>
    grammar === RESPONSES ? { ...event, sequence_number: sequence++ } : event
  return {
    get id() {
      const id = first?.['id']
      return typeof id === 'string' ? id : undefined
    },
    chunk(data) {
      const event = named(parseChunk(data))
      const container = event[grammar.container]
      if (first === undefined && isObject(container)) first = container
      if (grammar.last.has(event.type)) {
        last = [...last, event]
        return ''
      }
      return namedEvent(numbered(event))
    },
    cut() {
      last = grammar.cut(first ?? {})
      return ''
    },
    end(billed) {
      const usage = grammar.usage(billed)
      return last.map((event) => namedEvent(numbered(grammar.withUsage(event, usage)))).join('')
    },
    fail: (error) => namedEvent(numbered(grammar.fail(error))),
    whole(answer, billed) {
      const id = answer['id']
      if (typeof id === 'string') first = answer
      return { ...answer, usage: grammar.usage(billed) }
    },
  }
}

/** A name stands outside of JSON: a line break in it would be an event, or the end of one, of the engine's making. */
const NAME = /^[a-z0-9_.-]{1,64}$/i

function named(event: JsonObject): NamedEvent {
  const { type } = event
  return { ...event, type: typeof type === 'string' && NAME.test(type) ? type : 'error' }
}
