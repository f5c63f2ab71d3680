import { type Bytes, base64url, copyBytes, fromUtf8, utf8 } from '#base/bytes.ts'
import {
  countMedia,
  type MacKey,
  MEDIA_TOKENS,
  PACE,
  ProtocolError,
  parseServingConstraints,
  parseTranscription,
  type ServingConstraints,
} from '#protocol'
import { ClientError } from '../errors.ts'

/** Paths whose bodies are sealed, and how each names the length of an answer. */
const ENDPOINTS = {
  '/v1/chat/completions': ['max_completion_tokens', 'max_tokens'],
  '/v1/completions': ['max_tokens'],
  '/v1/embeddings': [],
  '/v1/responses': ['max_output_tokens'],
  '/v1/messages': ['max_tokens'],
  '/v1/messages/count_tokens': [],
  '/v1/audio/transcriptions': [],
} as const satisfies Record<string, readonly string[]>

export type SealedPath = keyof typeof ENDPOINTS

/** What this client must know of a body: enough to choose, bound and check. It leaves only inside the seal. */
export interface Ask {
  readonly path: SealedPath
  readonly model: string
  readonly stream: boolean
  readonly body: Bytes
  /** Most tokens of the whole answer; undefined when the caller set no limit. */
  readonly maxTokens: number | undefined
  /** Most prompt tokens that this body can hold, times its choices. */
  readonly promptBound: number
  /** Ties requests that share a cache to one host: an HMAC of the caller's `prompt_cache_key`. */
  readonly affinity: string | undefined
  /** Whose attested sessions may serve. */
  readonly constraints: ServingConstraints
}

/** What a runner takes, before sealing. */
export const MAX_BODY_BYTES = 32 * 1024 * 1024
/** More than any template adds: a receipt above the bound is taken for a lie. */
const TEMPLATE_TOKENS = 1_024
const MAX_CHOICES = 2_048
const MODEL = /^[\x21-\x7e]{1,200}$/
const CACHE_KEY_LABEL = utf8('cocoon client prompt_cache_key\0')
const CACHE_SALT_LABEL = utf8('cocoon client cache_salt\0')

type Body = Readonly<Record<string, unknown>>

/** The sealed endpoint that a path under the base means, with or without a trailing slash. */
export function sealedPath(path: string): SealedPath | undefined {
  const bare = path.endsWith('/') ? path.slice(0, -1) : path
  // Sound: hasOwn says that the text is a key of the table.
  return Object.hasOwn(ENDPOINTS, bare) ? (bare as SealedPath) : undefined
}

/**
 * Reads a body once. Its bytes stay as they are, unless it has a `prompt_cache_key`: that leaves this machine, even
 * inside the seal, only as an HMAC, with a cache salt of the same secret beside it (H10). A pace is added to streams.
 * @throws ClientError `bad_request_body` or `request_too_large`
 */
export function readAsk(
  path: SealedPath,
  bytes: Bytes,
  { cacheSecret, paceMs }: { readonly cacheSecret: MacKey; readonly paceMs?: number | undefined },
): Ask {
  if (bytes.length > MAX_BODY_BYTES) {
    throw new ClientError('request_too_large', `A body takes at most ${MAX_BODY_BYTES} bytes`)
  }
  if (path === '/v1/audio/transcriptions') return readRecording(path, bytes)
  const body = parseBody(bytes)
  const { model } = body
  if (typeof model !== 'string' || !MODEL.test(model)) {
    throw new ClientError('bad_request_body', 'The body names no model')
  }
  const choices = countChoices(path, body)
  const own = ownCacheKey(body, cacheSecret)
  const stream = body['stream'] === true
  const paced = stream && paceMs !== undefined ? { [PACE.member]: paceMs } : undefined
  return {
    path,
    model,
    stream,
    body:
      own === undefined && paced === undefined
        ? bytes
        : utf8(JSON.stringify({ ...paced, ...(own?.body ?? body) })),
    maxTokens: maxTokens(path, body, choices),
    promptBound:
      path === '/v1/messages/count_tokens'
        ? 0
        : (bytes.length + TEMPLATE_TOKENS + MEDIA_TOKENS * countMedia(body)) * choices,
    affinity: own?.key,
    constraints: readConstraints(body),
  }
}

/** A form stays as it is: it has neither a cache key nor a `provider` that this client would judge. */
function readRecording(path: SealedPath, body: Bytes): Ask {
  try {
    const { model, stream, fields, bound } = parseTranscription(body)
    if ([...fields.keys()].some((name) => name.startsWith('provider'))) {
      throw new ClientError('bad_request_body', 'A sealed form takes no provider')
    }
    return {
      path,
      model,
      stream,
      body,
      maxTokens: bound.completionTokens,
      promptBound: bound.promptTokens,
      affinity: undefined,
      constraints: parseServingConstraints(undefined),
    }
  } catch (cause) {
    if (!(cause instanceof ProtocolError)) throw cause
    throw new ClientError('bad_request_body', cause.message, { cause })
  }
}

function parseBody(bytes: Bytes): Body {
  try {
    const value: unknown = JSON.parse(fromUtf8(bytes))
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      // Sound: neither null nor an array, so an object with string keys.
      return value as Body
    }
  } catch {
    // Falls through to the one error.
  }
  throw new ClientError('bad_request_body', 'The body is not a JSON object')
}

/**
 * Wishes about hosts that are kept here, with what may be wished: this client chooses the host, so that no other wish
 * reaches anybody.
 */
const NO_RETENTION: ReadonlyMap<string, readonly unknown[]> = new Map([
  ['zdr', [true, false, null]],
  ['data_collection', ['deny', 'allow', null]],
])

function readConstraints({ provider }: Body): ServingConstraints {
  const wishes = typeof provider === 'object' && provider !== null ? Object.entries(provider) : []
  const others = wishes.filter(([name]) => !name.startsWith('aci_'))
  if (!others.every(([name, wish]) => NO_RETENTION.get(name)?.includes(wish))) {
    throw new ClientError(
      'bad_request_body',
      'A sealed body’s provider takes aci_verified, aci_session_ids, zdr (a boolean), data_collection (allow or deny)',
    )
  }
  const constraints = parseConstraints(provider)
  const isStrict = others.some(([, wish]) => wish === true || wish === 'deny')
  return isStrict ? { ...constraints, verified: true } : constraints
}

function parseConstraints(provider: unknown): ServingConstraints {
  try {
    return parseServingConstraints(provider)
  } catch (cause) {
    if (!(cause instanceof ProtocolError)) throw cause
    throw new ClientError('bad_request_body', cause.message, { cause })
  }
}

function ownCacheKey(body: Body, secret: MacKey): { key: string; body: Body } | undefined {
  const given = body['prompt_cache_key']
  if (typeof given !== 'string' || given === '') return undefined
  const key = base64url(secret.mac(CACHE_KEY_LABEL, utf8(given)))
  const salt = base64url(secret.mac(CACHE_SALT_LABEL, utf8(given)))
  return { key, body: { cache_salt: salt, ...body, prompt_cache_key: key } }
}

function maxTokens(path: SealedPath, body: Body, choices: number): number | undefined {
  if (path === '/v1/embeddings' || path === '/v1/messages/count_tokens') return 0
  const names: readonly string[] = ENDPOINTS[path]
  const found = names.map((name) => body[name]).find((value) => (value ?? null) !== null)
  const valid = typeof found === 'number' && Number.isSafeInteger(found) && found > 0
  return valid ? found * choices : undefined
}

/** Answers that one request makes; nonsense is the runner's to refuse. */
function countChoices(path: SealedPath, body: Body): number {
  if (path === '/v1/embeddings') return 1
  const n = Math.max(positive(body['n']), positive(body['best_of']))
  const prompt = body['prompt']
  const batch = Array.isArray(prompt) && typeof prompt[0] !== 'number' ? prompt.length : 1
  return Math.min(MAX_CHOICES, n * Math.max(1, batch))
}

function positive(value: unknown): number {
  return typeof value === 'number' && Number.isInteger(value) && value > 0 ? value : 1
}

/** A copy in a buffer of its own, for bytes that arrived in parts. */
export function ownBytes(buffer: ArrayBuffer): Bytes {
  return copyBytes(new Uint8Array(buffer))
}
