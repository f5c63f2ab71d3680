import type { Answered, Endpoint, Engine, JsonObject } from '../engine.ts'
import { openChat } from './chat.ts'
import type { Dialect, ErrorObject } from './dialect.ts'
import { anthropicError } from './messages/error.ts'
import { openMessages } from './messages/open-messages.ts'
import { openNative } from './native.ts'
import { openResponses } from './responses/open-responses.ts'
import { openTranscript } from './transcript.ts'

const CHAT: Endpoint = '/v1/chat/completions'
const COUNT: Endpoint = '/v1/messages/count_tokens'

interface Spoken {
  /** How an engine is asked that serves the endpoint itself. */
  readonly native: (endpoint: Answered, body: JsonObject) => Dialect
  /** How one is asked that speaks only chat; absent where chat cannot say it. */
  readonly translated?: (body: JsonObject) => Dialect
}

const SPOKEN: Readonly<Record<Answered, Spoken>> = {
  '/v1/chat/completions': { native: openChat },
  '/v1/completions': { native: openChat },
  '/v1/embeddings': { native: openChat },
  '/v1/responses': { native: openNative, translated: openResponses },
  '/v1/messages': { native: openNative, translated: openMessages },
  '/v1/audio/transcriptions': { native: openTranscript },
}

/**
 * The dialect of an endpoint over an engine: its own when the engine serves it, else a translation to chat.
 * @returns undefined when the engine cannot serve it
 * @throws EngineError for a request that cannot be said to it
 */
export function openDialect(
  endpoint: Answered,
  body: JsonObject,
  engine: Pick<Engine, 'endpoints'>,
): Dialect | undefined {
  const { native, translated } = SPOKEN[endpoint]
  if (engine.endpoints.has(endpoint)) return native(endpoint, body)
  return engine.endpoints.has(CHAT) ? translated?.(body) : undefined
}

/** Every endpoint that an engine can be asked at, itself or by translation. */
export function spokenEndpoints(engine: Pick<Engine, 'endpoints'>): readonly Endpoint[] {
  // Sound: the table's own keys are the endpoints.
  const answered = (Object.keys(SPOKEN) as Answered[]).filter(
    (endpoint) =>
      engine.endpoints.has(endpoint) ||
      (SPOKEN[endpoint].translated !== undefined && engine.endpoints.has(CHAT)),
  )
  // Messages are counted as the chat that they are translated to.
  return engine.endpoints.has(COUNT) && engine.endpoints.has(CHAT) ? [...answered, COUNT] : answered
}

/** The body of an error answer as clients of a path read it. */
export function errorBody(path: string, error: ErrorObject): JsonObject {
  return path.startsWith('/v1/messages') ? anthropicError(error) : { error: { ...error } }
}
