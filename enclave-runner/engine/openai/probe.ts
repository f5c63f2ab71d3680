import { ENDPOINTS } from '#protocol'
import type { Endpoint, Features, JsonObject } from '../engine.ts'
import { EngineError } from '../engine-error.ts'
import { isList, isObject } from '../fields.ts'
import { canCountChat, type Tokenizer } from './count-prompt.ts'
import { readJson } from './read-answer.ts'
import type { Upstream } from './upstream.ts'

export interface EngineFacts {
  readonly engineModel: string
  readonly contextLength: number
  readonly ownedBy: string
  readonly hasContinuousUsage: boolean
}

/** Servers known to report usage on every chunk when asked, by `owned_by`. */
const CONTINUOUS_USAGE = new Set(['vllm', 'sglang'])
const OWNER = /^[a-z0-9._-]{1,32}$/i

/** Reads `/v1/models`: the model's name there, its context, and what kind of server it is. */
export async function probeEngine(
  upstream: Upstream,
  options: { readonly engineModel: string | undefined; readonly contextLength: number | undefined },
  signal: AbortSignal = new AbortController().signal,
): Promise<EngineFacts> {
  const answer = await upstream.call({ method: 'GET', path: '/v1/models', signal })
  const body = await readJson(answer.pieces)
  const models = answer.status === 200 && isObject(body) ? body['data'] : undefined
  const found = (isList(models) ? models : [])
    .filter(isObject)
    .find((model) => options.engineModel === undefined || model['id'] === options.engineModel)
  if (found === undefined || typeof found['id'] !== 'string') {
    throw new EngineError('engine_failed', 'the engine does not list the model')
  }
  const owner = found['owned_by']
  const ownedBy = typeof owner === 'string' && OWNER.test(owner) ? owner : 'unknown'
  const contextLength =
    options.contextLength ??
    (ownedBy === 'llamacpp' ? await readPlace(upstream, signal) : undefined) ??
    readContext(found)
  if (contextLength === undefined) {
    throw new EngineError('engine_failed', 'the engine does not tell its context length: set it')
  }
  return {
    engineModel: found['id'],
    contextLength,
    ownedBy,
    hasContinuousUsage: CONTINUOUS_USAGE.has(ownedBy),
  }
}

/** What every OpenAI-compatible server is asked at, whether it describes itself or not. */
const USUAL: readonly Endpoint[] = ['/v1/chat/completions', '/v1/completions', '/v1/embeddings']

/**
 * What the engine serves itself: vLLM and SGLang describe their routes; whoever does not is taken to speak the usual
 * three. Whether it counts, and whether it transcribes, is tried.
 */
export async function probeEndpoints(
  tokenizer: Tokenizer,
  signal: AbortSignal,
): Promise<ReadonlySet<Endpoint>> {
  const { upstream } = tokenizer
  const described = await getObject(upstream, '/openapi.json', signal)
  const paths = described?.['paths']
  const own = new Set<Endpoint>(
    isObject(paths) ? ENDPOINTS.filter((endpoint) => Object.hasOwn(paths, endpoint)) : USUAL,
  )
  if (!isObject(paths) && (await exists(upstream, TRANSCRIBE, signal))) own.add(TRANSCRIBE)
  if (await canCountChat(tokenizer, signal)) own.add(COUNT)
  else own.delete(COUNT)
  return own
}

const COUNT: Endpoint = '/v1/messages/count_tokens'
const TRANSCRIBE: Endpoint = '/v1/audio/transcriptions'
/** What servers say of a path that they do not have, or of a model that cannot do it. */
const ABSENT: ReadonlySet<number> = new Set([404, 405, 500, 501])

/** An empty request is refused by whoever serves the path. */
async function exists(upstream: Upstream, path: Endpoint, signal: AbortSignal): Promise<boolean> {
  const call = { method: 'POST', path, body: {}, signal } as const
  const answer = await upstream.call(call).catch(() => undefined)
  if (answer === undefined) return false
  await readJson(answer.pieces).catch(() => undefined)
  return !ABSENT.has(answer.status)
}

/** llama.cpp says what its model takes; undefined when the engine does not tell. */
export async function probeModalities(
  { upstream, ownedBy }: Tokenizer,
  signal: AbortSignal,
): Promise<Features['input_modalities'] | undefined> {
  if (ownedBy !== 'llamacpp') return undefined
  const told = (await getObject(upstream, '/props', signal))?.['modalities']
  if (!isObject(told)) return undefined
  return [
    'text',
    ...(told['vision'] === true ? (['image'] as const) : []),
    ...(told['audio'] === true ? (['audio'] as const) : []),
  ]
}

async function getObject(
  upstream: Upstream,
  path: string,
  signal: AbortSignal,
): Promise<JsonObject | undefined> {
  const answer = await upstream.call({ method: 'GET', path, signal }).catch(() => undefined)
  const body =
    answer === undefined ? undefined : await readJson(answer.pieces).catch(() => undefined)
  return answer?.status === 200 && isObject(body) ? body : undefined
}

/** llama.cpp divides its context among its places: what one request may have stands in `/props`. */
async function readPlace(upstream: Upstream, signal: AbortSignal): Promise<number | undefined> {
  const settings = (await getObject(upstream, '/props', signal))?.['default_generation_settings']
  return isObject(settings) ? readContext({ meta: { n_ctx: settings['n_ctx'] ?? 0 } }) : undefined
}

/** vLLM says `max_model_len`; llama.cpp `meta.n_ctx_train`. */
function readContext(model: JsonObject): number | undefined {
  const meta = isObject(model['meta']) ? model['meta'] : {}
  const told = model['max_model_len'] ?? meta['n_ctx'] ?? meta['n_ctx_train']
  return typeof told === 'number' && Number.isSafeInteger(told) && told > 0 ? told : undefined
}
