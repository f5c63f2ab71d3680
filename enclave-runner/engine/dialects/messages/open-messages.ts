import type { JsonObject } from '../../engine.ts'
import type { Dialect } from '../dialect.ts'
import { createMessageWriter } from './message-writer.ts'
import { toChatRequest } from './to-chat-request.ts'

/**
 * Anthropic's Messages over an engine that speaks chat.
 * @see https://docs.anthropic.com/en/api/messages
 * @throws EngineError
 */
export function openMessages(body: JsonObject): Dialect {
  return {
    endpoint: '/v1/chat/completions',
    body: toChatRequest(body),
    writer: createMessageWriter(body),
  }
}
