import type { Json } from '#base/jcs.ts'
import type { JsonObject } from '../engine.ts'
import { EngineError } from '../engine-error.ts'
import { invalid, isList, isObject, unsupported } from '../fields.ts'
import type { Tokenizer } from './tokenizer.ts'

const MAX_MESSAGES = 2048

/** How each role enters the prompt. The model was trained without a system role, so those are left out. */
const ROLES: ReadonlyMap<string, 'user' | 'assistant' | 'omitted'> = new Map([
  ['user', 'user'],
  ['tool', 'user'],
  ['function', 'user'],
  ['assistant', 'assistant'],
  ['system', 'omitted'],
  ['developer', 'omitted'],
])

/**
 * Token ids of a chat: `<s>`, each turn behind its role mark, then `<|assistant|>` for the answer.
 * @throws EngineError invalid_request, unsupported_parameter, context_length_exceeded
 */
export function chatPrompt(
  body: JsonObject,
  tokenizer: Tokenizer,
  context: number,
): readonly number[] {
  const messages = body['messages']
  if (!isList(messages) || messages.length === 0 || messages.length > MAX_MESSAGES) {
    throw invalid('messages', `'messages' must hold 1 to ${MAX_MESSAGES} messages`)
  }
  const marks = {
    user: tokenizer.control('<|user|>'),
    assistant: tokenizer.control('<|assistant|>'),
  }
  const ids = [tokenizer.bos]
  for (const [index, message] of messages.entries()) {
    const turn = readTurn(message, index)
    if (turn.role === 'omitted') continue
    requireShort(turn.text, tokenizer, context)
    ids.push(marks[turn.role], ...tokenizer.encode(turn.text))
    if (turn.role === 'assistant') ids.push(tokenizer.eos)
  }
  ids.push(marks.assistant)
  return ids
}

/** Token ids of a legacy completion: `<s>` and the text as it stands. @throws EngineError */
export function completionPrompt(
  body: JsonObject,
  tokenizer: Tokenizer,
  context: number,
): readonly number[] {
  const prompt = body['prompt']
  const [only, ...more] = isList(prompt) ? prompt : [prompt]
  if (typeof only !== 'string' || more.length > 0) {
    throw unsupported('prompt', 'the demonstration model takes one prompt of text')
  }
  requireShort(only, tokenizer, context)
  return [tokenizer.bos].concat(tokenizer.encode(only))
}

/** @throws EngineError context_length_exceeded when no token of answer would fit */
export function requireRoom(prompt: readonly number[], context: number): void {
  if (prompt.length >= context) throw tooLong(context, `${prompt.length} tokens`)
}

/** Joining pairs takes the square of a word's length: a text that cannot fit is refused by its length alone. */
export function requireShort({ length }: string, { longest }: Tokenizer, context: number): void {
  const least = Math.ceil(length / longest)
  if (least >= context) throw tooLong(context, `at least ${least} tokens`)
}

function tooLong(context: number, has: string): EngineError {
  return new EngineError(
    'context_length_exceeded',
    `This model's maximum context length is ${context} tokens. However, your prompt has ${has}.`,
    { param: 'messages' },
  )
}

function readTurn(message: Json, index: number) {
  const path = `messages[${index}]`
  if (!isObject(message)) throw invalid(path, `'${path}' must be an object`)
  const role = typeof message['role'] === 'string' ? ROLES.get(message['role']) : undefined
  if (role === undefined) throw invalid(`${path}.role`, `'${path}.role' is not a known role`)
  return { role, text: readContent(message['content'], `${path}.content`) }
}

function readContent(content: Json | undefined, path: string): string {
  if (typeof content === 'string') return content
  if (content === null || content === undefined) return ''
  if (!isList(content)) throw invalid(path, `'${path}' must be a string or a list of parts`)
  return content.map((part) => readPart(part, path)).join('')
}

function readPart(part: Json, path: string): string {
  if (!isObject(part)) throw invalid(path, `a part of '${path}' must be an object`)
  const text = part['type'] === 'refusal' ? part['refusal'] : part['text']
  if (typeof text !== 'string') throw unsupported(path, 'the demonstration model reads text only')
  return text
}
