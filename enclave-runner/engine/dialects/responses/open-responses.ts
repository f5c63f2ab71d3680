import type { JsonObject } from '../../engine.ts'
import type { Dialect } from '../dialect.ts'
import { refuseState } from './refuse-state.ts'
import { createResponseWriter } from './response-writer.ts'
import { toChatRequest } from './to-chat-request.ts'

/**
 * OpenAI's Responses over an engine that speaks chat. Nothing is stored.
 * @see https://platform.openai.com/docs/api-reference/responses
 * @throws EngineError
 */
export function openResponses(body: JsonObject): Dialect {
  refuseState(body)
  return {
    endpoint: '/v1/chat/completions',
    body: toChatRequest(body),
    writer: createResponseWriter(body),
  }
}
