import { fromUtf8 } from '#base/bytes.ts'
import { ENDPOINTS, PACE, promptBound } from '#protocol'
import { openDialect } from '../engine/dialects/open-dialect.ts'
import type { Answered, JsonObject } from '../engine/engine.ts'
import { booleanField, integerField, isList, isObject, unsupported } from '../engine/fields.ts'
import {
  type AcceptedRequest,
  checkModel,
  type ReadRequestInput,
  unserved,
  withoutPadding,
} from './accepted-request.ts'
import { readRecording } from './read-recording.ts'
import { refuseRemoteContent } from './refuse-remote-content.ts'
import { ServeError } from './serve-error.ts'

const MAX_CHOICES = 128
/** OpenAI's default answer length of the legacy endpoint. */
const COMPLETION_DEFAULT_TOKENS = 16

/**
 * Judges an opened body before the engine sees it.
 * 1. JSON and model  2. how the engine is asked  3. no URL but `data:` (H13)  4. prompt × n within the allowance (M6)
 * 5. the answer's length clamped to it
 * @throws ServeError, EngineError
 */
export async function readRequest(input: ReadRequestInput): Promise<AcceptedRequest> {
  const path = answeredEndpoint(input)
  if (path === '/v1/audio/transcriptions') return readRecording(input)
  const { named, bytes, paceMs } = readJsonRequest(input)
  const stream = booleanField(named, 'stream') ?? false
  if (stream && path === '/v1/embeddings') {
    throw unsupported('stream', 'embeddings come whole, not as a stream')
  }
  const dialect = openDialect(path, named, input.engine)
  if (dialect === undefined) throw unserved(path)
  const { endpoint, body, writer } = dialect
  refuseRemoteContent(body)
  const choices = countChoices(endpoint, body)
  const bound = promptBound(body, bytes)
  const promptTokens = await countIfNeeded(input, endpoint, body, bound, choices)
  const limited =
    endpoint === '/v1/embeddings'
      ? body
      : await limitAnswer(input, endpoint, body, promptTokens ?? bound, choices)
  return { endpoint, body: limited, file: undefined, stream, writer, promptTokens, paceMs }
}

/** A body of JSON under the runner's model, which the engine may see. @throws ServeError, EngineError */
export function readJsonRequest(
  input: ReadRequestInput,
): Omit<ReadBody, 'asked'> & { readonly named: JsonObject } {
  const { asked, bytes, paceMs } = parseBody(input.plaintext)
  checkModel(asked['model'], input)
  return { named: { ...asked, model: input.model }, bytes, paceMs }
}

function answeredEndpoint({ path }: ReadRequestInput): Answered {
  const endpoint = ENDPOINTS.find((name) => name === path)
  if (endpoint === undefined || endpoint === '/v1/messages/count_tokens') throw unserved(path)
  return endpoint
}

/** A body for the engine; what is the runner's own business taken out of it. */
interface ReadBody {
  readonly asked: JsonObject
  readonly bytes: number
  readonly paceMs: number | undefined
}

function parseBody(plaintext: Uint8Array): ReadBody {
  const text = withoutPadding(plaintext)
  const bytes = text.length
  let asked: unknown
  try {
    asked = JSON.parse(fromUtf8(text))
  } catch {
    throw new ServeError('invalid_json', 'the request body is not JSON')
  }
  if (!isObject(asked)) throw new ServeError('invalid_json', 'the request body is not an object')
  // Whom to route to is no engine's business. @see aci/1, "serving constraints"
  const { provider: _, [PACE.member]: __, ...forEngine } = asked
  const paceMs = integerField(asked, PACE.member, PACE.leastMs, PACE.mostMs)
  return { asked: forEngine, bytes, paceMs }
}

/** Answers that one request makes: `n` (or a hidden `best_of`) for each prompt. */
function countChoices(endpoint: Answered, body: JsonObject): number {
  if (endpoint === '/v1/embeddings') return 1
  const n = integerField(body, 'n', 1, MAX_CHOICES) ?? 1
  const bestOf = integerField(body, 'best_of', 1, MAX_CHOICES) ?? 1
  const prompt = body['prompt']
  const isBatch = isList(prompt) && typeof prompt[0] !== 'number'
  return Math.max(n, bestOf) * (isBatch ? Math.max(1, prompt.length) : 1)
}

/** Bytes are a bound that costs nothing; only a request beyond it is counted by the tokenizer. */
async function countIfNeeded(
  { allowance, engine }: ReadRequestInput,
  endpoint: Answered,
  body: JsonObject,
  bound: number,
  choices: number,
): Promise<number | undefined> {
  const most = allowance.max_prompt_tokens
  if (bound * choices <= most) return undefined
  // Of an allowance for the whole context the engine itself refuses what does not fit.
  const isWhole = endpoint !== '/v1/embeddings' && most >= engine.contextLength * choices
  if (isWhole) return undefined
  const { tokens, exact } = await engine.countPrompt(endpoint, body)
  if (tokens * choices <= most) return exact ? tokens : undefined
  throw new ServeError(
    'allowance_exceeded',
    `the prompt has ${exact ? '' : 'up to '}${tokens} tokens × ${choices}, the allowance ${most}`,
    'messages',
  )
}

async function limitAnswer(
  { allowance, engine }: ReadRequestInput,
  endpoint: Answered,
  body: JsonObject,
  prompt: number,
  choices: number,
): Promise<JsonObject> {
  const most = Math.floor(allowance.max_completion_tokens / choices)
  if (most < 1) {
    throw new ServeError(
      'allowance_exceeded',
      'the allowance has no room for an answer',
      'max_tokens',
    )
  }
  const field = limitField(endpoint, body)
  const wanted =
    integerField(body, field, 1, Number.MAX_SAFE_INTEGER) ??
    (endpoint === '/v1/completions' ? COMPLETION_DEFAULT_TOKENS : undefined)
  // Without a wish the engine stops at its context by itself.
  if (wanted === undefined && most >= engine.contextLength) return body
  const limit = Math.min(wanted ?? most, most)
  if (wanted !== undefined || prompt + limit <= engine.contextLength) {
    return { ...body, [field]: limit }
  }
  // Some engines refuse a limit that does not fit behind the prompt: count it to make it fit.
  const count = await engine.countPrompt(endpoint, body)
  const room = engine.contextLength - count.tokens
  return { ...body, [field]: count.exact && room >= 1 ? Math.min(limit, room) : limit }
}

/** The member that bounds an answer. */
function limitField(endpoint: Answered, body: JsonObject): string {
  if (endpoint === '/v1/responses') return 'max_output_tokens'
  const isNew = (body['max_completion_tokens'] ?? undefined) !== undefined
  return isNew ? 'max_completion_tokens' : 'max_tokens'
}
