import type { Json } from '#base/jcs.ts'
import { countMedia, MEDIA_TOKENS, promptBound } from '#protocol'
import type { Endpoint, JsonObject, PromptCount } from '../engine.ts'
import { isList, isObject } from '../fields.ts'
import { readJson } from './read-answer.ts'
import type { Upstream } from './upstream.ts'

/** An engine with a tokenizer, as far as it has one. */
export interface Tokenizer {
  readonly upstream: Upstream
  /** The engine's own name for the model. */
  readonly engineModel: string
  readonly ownedBy: string
}

const COUNTED: ReadonlySet<Endpoint> = new Set<Endpoint>([
  '/v1/chat/completions',
  '/v1/completions',
])
const COUNT_MS = 60_000

/**
 * Counts by the engine's own tokenizer; without one bytes are a bound. Tokenizers see a picture's mark only, so that
 * pictures add what they are at most.
 */
export async function countPrompt(
  tokenizer: Tokenizer,
  endpoint: Endpoint,
  body: JsonObject,
): Promise<PromptCount> {
  const told = COUNTED.has(endpoint)
    ? await ask(tokenizer, body, AbortSignal.timeout(COUNT_MS))
    : undefined
  if (told === undefined) {
    const bound = promptBound(body, Buffer.byteLength(JSON.stringify(body)))
    return { tokens: bound, exact: false }
  }
  const media = countMedia(body)
  return { tokens: told + MEDIA_TOKENS * media, exact: media === 0 }
}

/** Whether chat is counted at all: an engine is believed what it shows. */
export async function canCountChat(tokenizer: Tokenizer, signal: AbortSignal): Promise<boolean> {
  const messages = [{ role: 'user', content: 'hi' }]
  return (await ask(tokenizer, { messages }, signal).catch(() => undefined)) !== undefined
}

function ask(
  tokenizer: Tokenizer,
  body: JsonObject,
  signal: AbortSignal,
): Promise<number | undefined> {
  const post: Post = async (path, asked) => {
    const answer = await tokenizer.upstream.call({ method: 'POST', path, body: asked, signal })
    const told = await readJson(answer.pieces)
    return answer.status === 200 && isObject(told) ? told : undefined
  }
  return tokenizer.ownedBy === 'llamacpp' ? askLlama(post, body) : askVllm(post, tokenizer, body)
}

/** @returns undefined when the engine refuses */
type Post = (path: string, body: Json) => Promise<JsonObject | undefined>

/** vLLM applies the chat's template itself. */
async function askVllm(
  post: Post,
  { engineModel }: Tokenizer,
  { messages, tools, prompt }: JsonObject,
): Promise<number | undefined> {
  const told = await post('/tokenize', {
    model: engineModel,
    ...(messages === undefined ? { prompt: prompt ?? '' } : { messages }),
    ...(tools === undefined ? {} : { tools }),
  })
  const count = told?.['count']
  return typeof count === 'number' && Number.isSafeInteger(count) && count >= 0 ? count : undefined
}

/** llama.cpp has the template and the tokenizer apart. */
async function askLlama(
  post: Post,
  { messages, tools, prompt }: JsonObject,
): Promise<number | undefined> {
  const templated =
    messages === undefined
      ? prompt
      : (await post('/apply-template', { messages, ...(tools === undefined ? {} : { tools }) }))?.[
          'prompt'
        ]
  if (typeof templated !== 'string') return undefined
  const told = await post('/tokenize', { content: templated, add_special: true })
  const tokens = told?.['tokens']
  return isList(tokens) ? tokens.length : undefined
}
