import { openMessages } from '../engine/dialects/messages/open-messages.ts'
import { spokenEndpoints } from '../engine/dialects/open-dialect.ts'
import type { JsonObject } from '../engine/engine.ts'
import { EngineError } from '../engine/engine-error.ts'
import { type ReadRequestInput, unserved } from './accepted-request.ts'
import { readJsonRequest } from './read-request.ts'
import { refuseRemoteContent } from './refuse-remote-content.ts'

/**
 * Counts a prompt of Anthropic's Messages by the engine's own tokenizer, without an answer and without a price.
 * @see https://docs.anthropic.com/en/api/messages-count-tokens
 * @throws ServeError, EngineError
 */
export async function countTokens(input: ReadRequestInput): Promise<JsonObject> {
  const { engine, path } = input
  if (!spokenEndpoints(engine).some((endpoint) => endpoint === path)) throw unserved(path)
  const { named } = readJsonRequest(input)
  // What bounds an answer is required of messages, not of their count.
  const { endpoint, body } = openMessages({ ...named, max_tokens: 1 })
  refuseRemoteContent(body)
  const { tokens, exact } = await engine.countPrompt(endpoint, body)
  if (exact) return { input_tokens: tokens }
  throw new EngineError('unsupported_parameter', 'the engine counts text only', {
    param: 'messages',
  })
}
