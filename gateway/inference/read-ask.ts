import { isObject } from '#base/members.ts'
import {
  ProtocolError,
  parseServingConstraints,
  promptBound,
  type ServingConstraints,
} from '#protocol'
import { ApiError } from '../errors.ts'
import { demandsOf, NO_DEMANDS } from './demands.ts'
import { ENDPOINTS, type InferencePath } from './endpoints.ts'
import { type Preferences, readPreferences } from './preferences.ts'

/** What the gateway must know of a plain request: enough to pick, price and bound it. The rest is the runner's. */
export interface Ask {
  readonly path: InferencePath
  /** The models that may answer, the preferred one first. */
  readonly models: readonly [string, ...string[]]
  readonly stream: boolean
  /** Answers that one request makes. */
  readonly choices: number
  /** Most tokens of one answer; undefined: the model's most. */
  readonly maxTokens: number | undefined
  /** Most prompt tokens of one answer. */
  readonly promptBound: number
  /** What is asked is read in windows, as recordings are: no context bounds it. */
  readonly inWindows: boolean
  /** The caller's own, for cache affinity; never leaves the gateway. */
  readonly cacheKey: string | undefined
  readonly preferences: Preferences
  readonly constraints: ServingConstraints
  /** Parameters that a runner must say that it honours. */
  readonly demands: ReadonlySet<string>
}

const MAX_CHOICES = 128
const MAX_BATCH = 2_048
const MAX_MODEL_CHARACTERS = 200
const MAX_MODELS = 8
const MAX_TOKENS = 100_000_000

type Body = Readonly<Record<string, unknown>>

/**
 * Reads a plain body of JSON. Unknown members are nobody's business here; those that move the price are judged at once.
 * @param text the body as JSON text; @param bytes its length in bytes, a bound of its tokens
 * @throws ApiError
 */
export function readAsk(path: InferencePath, text: string, bytes: number): Ask {
  const body = parseObject(text)
  const preferences = readPreferences(body['provider'])
  const cacheKey = body['prompt_cache_key']
  return {
    path,
    models: readModels(body),
    stream: readStream(body),
    choices: countChoices(path, body),
    maxTokens: readMaxTokens(path, body),
    promptBound: path === '/v1/messages/count_tokens' ? 0 : promptBound(body, bytes),
    // Each text of a batch has the context to itself.
    inWindows: path === '/v1/embeddings',
    cacheKey: typeof cacheKey === 'string' && cacheKey !== '' ? cacheKey : undefined,
    preferences,
    constraints: readConstraints(body['provider']),
    demands: preferences.requireParameters ? demandsOf(body) : NO_DEMANDS,
  }
}

function parseObject(text: string): Body {
  let body: unknown
  try {
    body = JSON.parse(text)
  } catch {
    throw new ApiError('invalid_json', 'the request body is not valid JSON')
  }
  if (!isObject(body)) {
    throw new ApiError('invalid_json', 'the request body is not a JSON object')
  }
  return body
}

export function readConstraints(provider: unknown): ServingConstraints {
  try {
    return parseServingConstraints(provider)
  } catch (cause) {
    if (!(cause instanceof ProtocolError)) throw cause
    throw new ApiError('invalid_request', cause.message, { param: 'provider', cause })
  }
}

/** `model`, and OpenRouter's `models` to fall back to: the answer names the one that made it. */
export function readModels(body: Body): readonly [string, ...string[]] {
  const model = body['model'] ?? undefined
  const models = body['models'] ?? []
  if (!Array.isArray(models) || models.length > MAX_MODELS) {
    throw new ApiError('invalid_request', `models must be a list of at most ${MAX_MODELS} ids`, {
      param: 'models',
    })
  }
  const named: readonly unknown[] = model === undefined ? models : [model, ...models]
  const [first, ...others] = new Set(named.filter(isModelId))
  if (first === undefined || !named.every(isModelId)) {
    throw new ApiError(
      'invalid_request',
      `you must provide a model parameter: an id of GET /v1/models, of at most ${MAX_MODEL_CHARACTERS} characters`,
      { param: 'model' },
    )
  }
  return [first, ...others]
}

function isModelId(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && value.length <= MAX_MODEL_CHARACTERS
}

function readStream(body: Body): boolean {
  const stream = body['stream'] ?? false
  if (typeof stream !== 'boolean') {
    throw new ApiError('invalid_request', 'stream must be a boolean', { param: 'stream' })
  }
  return stream
}

function readMaxTokens(path: InferencePath, body: Body): number | undefined {
  const { limits, fallback } = ENDPOINTS[path]
  const name = limits.find((member) => (body[member] ?? null) !== null)
  return name === undefined ? fallback : integer(body, name, 1, MAX_TOKENS)
}

/** `n`, or a hidden `best_of`, for each prompt of a batch. */
function countChoices(path: InferencePath, body: Body): number {
  if (path === '/v1/embeddings' || path === '/v1/messages/count_tokens') return 1
  const n = integer(body, 'n', 1, MAX_CHOICES) ?? 1
  const bestOf = integer(body, 'best_of', 1, MAX_CHOICES) ?? 1
  const prompt = body['prompt']
  const batch = Array.isArray(prompt) && typeof prompt[0] !== 'number' ? prompt.length : 1
  if (batch > MAX_BATCH) {
    throw new ApiError('invalid_request', `prompt takes at most ${MAX_BATCH} items`, {
      param: 'prompt',
    })
  }
  return Math.max(n, bestOf) * Math.max(1, batch)
}

function integer(body: Body, name: string, min: number, max: number): number | undefined {
  const value = body[name] ?? undefined
  if (value === undefined) return undefined
  if (typeof value !== 'number' || !Number.isInteger(value) || value < min || value > max) {
    throw new ApiError('invalid_request', `${name} must be an integer from ${min} to ${max}`, {
      param: name,
    })
  }
  return value
}
