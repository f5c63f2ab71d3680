import type { Random } from '#base/brand.ts'
import { hex } from '#base/bytes.ts'
import type { Json } from '#base/jcs.ts'
import { promptBound } from '#protocol'
import type {
  Answered,
  Endpoint,
  Engine,
  EngineEvent,
  EngineRequest,
  Features,
  JsonObject,
  Usage,
} from '../engine.ts'
import { NO_USAGE } from '../engine.ts'
import { EngineError } from '../engine-error.ts'
import { isObject } from '../fields.ts'
import type { Observed } from '../reconcile-usage.ts'
import { reconcileUsage } from '../reconcile-usage.ts'
import { createSseReader } from '../sse-reader.ts'
import { countPrompt } from './count-prompt.ts'
import { encodeForm } from './encode-form.ts'
import { GRAMMARS } from './grammar.ts'
import { probeEndpoints, probeEngine, probeModalities } from './probe.ts'
import { readJson, refuseStatus } from './read-answer.ts'
import type { Upstream, UpstreamRequest, UpstreamTimeouts } from './upstream.ts'
import { createUpstream } from './upstream.ts'

export interface OpenAiEngineOptions {
  /** `http(s)://…` with or without `/v1`, or `unix:/path`. Loopback or a socket in production (C3). */
  readonly url: string
  readonly apiKey: string | undefined
  /** The name under which clients know the model; answers carry it. */
  readonly publicModel: string
  /** The engine's name for the model; undefined takes the first that it lists. */
  readonly engineModel: string | undefined
  /** Needed when the engine does not tell it. */
  readonly contextLength: number | undefined
  /** Believed where the engine does not tell them. */
  readonly inputModalities: Features['input_modalities']
  readonly timeouts: UpstreamTimeouts
  readonly random: Random
}

interface Context {
  readonly options: OpenAiEngineOptions
  readonly upstream: Upstream
  readonly engineModel: string
  readonly contextLength: number
  /** What kind of server it is, by its own word. */
  readonly ownedBy: string
  /** The engine understands `stream_options.continuous_usage_stats`. */
  readonly hasContinuousUsage: boolean
}

/**
 * Any OpenAI-compatible server (vLLM, SGLang, llama.cpp, Ollama, LM Studio) as an engine. Asks it for
 * its models first. @throws EngineError when it does not answer or does not have the model
 */
export async function openOpenAiEngine(options: OpenAiEngineOptions): Promise<Engine> {
  const upstream = createUpstream(options.url, options.apiKey, options.timeouts)
  const facts = await probeEngine(upstream, options)
  const probing = AbortSignal.timeout(options.timeouts.connectMs)
  const context: Context = { options, upstream, ...facts }
  const endpoints = await probeEndpoints(context, probing)
  const told = await probeModalities(context, probing)
  return {
    fingerprint: `openai-url:${facts.ownedBy}`,
    endpoints,
    features: {
      supported_parameters: [...USUAL, ...(MORE.get(facts.ownedBy) ?? [])],
      input_modalities: modalities(endpoints, told ?? options.inputModalities),
    },
    contextLength: facts.contextLength,
    countPrompt: (endpoint, body) => countPrompt(context, endpoint, body),
    run: (request) => run(context, request),
    healthy: async () => {
      const signal = AbortSignal.timeout(options.timeouts.connectMs)
      return probeEngine(upstream, options, signal).then(
        () => true,
        () => false,
      )
    },
    close: () => upstream.close(),
  }
}

/** What all servers of this protocol take; none of them tells what its model does. */
const USUAL: Features['supported_parameters'] = [
  'max_tokens',
  'max_completion_tokens',
  'temperature',
  'top_p',
  'stop',
  'seed',
  'n',
  'presence_penalty',
  'frequency_penalty',
  'logprobs',
  'top_logprobs',
  'tools',
  'tool_choice',
  'response_format',
]

/** What servers do by their documentation, whatever the model: schemas hold because they bound the tokens. */
const MORE: ReadonlyMap<string, Features['supported_parameters']> = new Map([
  ['vllm', ['top_k', 'min_p', 'repetition_penalty', 'logit_bias', 'structured_outputs']],
  ['sglang', ['top_k', 'min_p', 'repetition_penalty', 'logit_bias', 'structured_outputs']],
  ['llamacpp', ['top_k', 'min_p', 'logit_bias', 'structured_outputs']],
])

/** A model that transcribes hears, whatever else it takes; one that does nothing else reads no prompts. */
function modalities(
  endpoints: ReadonlySet<Endpoint>,
  told: Features['input_modalities'],
): Features['input_modalities'] {
  if (!endpoints.has('/v1/audio/transcriptions')) return told
  const reads = endpoints.has('/v1/chat/completions') || endpoints.has('/v1/completions')
  return reads ? [...new Set([...told, 'audio' as const])] : ['audio']
}

async function* run(
  context: Context,
  request: EngineRequest,
): AsyncGenerator<EngineEvent, void, void> {
  const { upstream } = context
  try {
    const answer = await upstream.call({
      method: 'POST',
      path: request.endpoint,
      ...upstreamBody(context, request),
      signal: request.signal,
    })
    if (answer.status !== 200) await refuseStatus(answer)
    yield { kind: 'accepted', promptTokens: undefined }
    const bound =
      request.file?.bound ??
      promptBound(request.body, Buffer.byteLength(JSON.stringify(request.body)))
    yield* request.stream
      ? streamed(context, request.endpoint, answer.pieces, bound)
      : whole(context, request.endpoint, answer.pieces, bound)
  } catch (error) {
    if (!request.signal.aborted) throw error
  }
}

/**
 * Fields that keep one caller's prefix cache from another's clock, for servers that share it (H10). Where a cache knows
 * no salts there is none, whatever the caller asks: it would find what others left.
 */
const CACHE_ISOLATION: ReadonlyMap<string, (salt: string) => JsonObject> = new Map([
  ['vllm', (salt: string): JsonObject => ({ cache_salt: salt })],
  ['sglang', (salt: string): JsonObject => ({ cache_salt: salt })],
  ['llamacpp', (): JsonObject => ({ cache_prompt: false })],
])
const SALT_BYTES = 16

/**
 * What no caller chooses: the name of an answer, which its receipt shows outside the seal; a place in the engine's
 * memory, or a conversation kept there, where others were before (H10); machines to fetch from, and code to run (H13).
 */
const NOT_THE_CALLERS: ReadonlySet<string> = new Set([
  ...['request_id', 'rid'],
  ...['id_slot', 'session_params'],
  ...['custom_logit_processor', 'logits_processors'],
  ...['kv_transfer_params', 'bootstrap_host', 'bootstrap_port', 'bootstrap_room'],
])

function callersOwn(body: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(body).filter(([name]) => !NOT_THE_CALLERS.has(name)))
}

function upstreamBody(
  context: Context,
  request: EngineRequest,
): Pick<UpstreamRequest, 'body' | 'form'> {
  const { file, stream, body } = request
  if (file === undefined) return { body: jsonBody(context, request) }
  const { engineModel, options } = context
  const fields = { ...callersOwn(body), model: engineModel, ...(stream ? FORM_STREAM : {}) }
  return { form: encodeForm(fields, file, hex(options.random(BOUNDARY_BYTES))) }
}

const BOUNDARY_BYTES = 32
/** Options of a stream in a form, which has no objects. */
const FORM_STREAM: JsonObject = {
  stream: true,
  stream_include_usage: true,
  stream_continuous_usage_stats: true,
}

function jsonBody(context: Context, request: EngineRequest): Json {
  const { engineModel, hasContinuousUsage, ownedBy, options } = context
  const { stream_options: _, ...asked } = callersOwn(request.body)
  const own = asked['cache_salt']
  const salt = typeof own === 'string' && own !== '' ? own : hex(options.random(SALT_BYTES))
  const body = { ...asked, ...CACHE_ISOLATION.get(ownedBy)?.(salt) }
  if (!request.stream) return { ...body, model: engineModel, stream: false }
  if (!GRAMMARS[request.endpoint].asksForUsage) {
    return { ...body, model: engineModel, stream: true }
  }
  const stream_options = {
    include_usage: true,
    ...(hasContinuousUsage ? { continuous_usage_stats: true } : {}),
  }
  return { ...body, model: engineModel, stream: true, stream_options }
}

async function* streamed(
  { options }: Context,
  endpoint: Answered,
  pieces: AsyncIterable<Uint8Array>,
  bound: number,
): AsyncGenerator<EngineEvent, void, void> {
  const grammar = GRAMMARS[endpoint]
  const reader = createSseReader()
  let observed: Observed = { deltas: 0, bytes: 0 }
  let claimed: Usage | undefined
  let finish: 'stop' | 'length' | undefined
  let sawDone = false
  for await (const piece of pieces) {
    for (const data of reader.push(piece)) {
      if (data === '[DONE]') {
        sawDone = true
        continue
      }
      const payload = parsePayload(data)
      const more = grammar.observe(payload)
      observed = { deltas: observed.deltas + more.deltas, bytes: observed.bytes + more.bytes }
      claimed = merged(claimed, grammar.usage(payload), observed)
      finish = grammar.finish(payload) ?? finish
      const told = grammar.rewrite(payload, options.publicModel)
      if (told === undefined) continue
      const sofar = reconcileUsage(claimed, observed, bound)
      yield {
        kind: 'chunk',
        data: JSON.stringify(told),
        tokens: sofar.completionTokens,
        promptTokens: claimed === undefined ? undefined : sofar.promptTokens,
      }
    }
  }
  if (finish === undefined && !(sawDone && grammar.asksForUsage)) {
    throw new EngineError('engine_failed', 'the engine ended its answer early')
  }
  const usage = reconcileUsage(claimed, observed, bound)
  yield { kind: 'done', usage, finish: finish ?? 'stop' }
}

/** Counts come whole, or prompt and answer apart: until an answer's are told, a delta is a token. */
function merged(
  before: Usage | undefined,
  told: Partial<Usage> | undefined,
  observed: Observed,
): Usage | undefined {
  if (told === undefined) return before
  return { ...NO_USAGE, completionTokens: observed.deltas, ...before, ...told }
}

async function* whole(
  { options }: Context,
  endpoint: Answered,
  pieces: AsyncIterable<Uint8Array>,
  bound: number,
): AsyncGenerator<EngineEvent, void, void> {
  const grammar = GRAMMARS[endpoint]
  const answer = await readJson(pieces)
  if (!isObject(answer)) throw new EngineError('engine_failed', 'the engine did not answer in JSON')
  const told = grammar.usage(answer)
  if (told === undefined) {
    throw new EngineError('engine_no_usage', 'the engine does not say how many tokens it used')
  }
  yield { kind: 'json', body: grammar.rewrite(answer, options.publicModel) ?? {} }
  // Vectors are no generated text: embeddings have no completion tokens to check.
  const settled = reconcileUsage({ ...NO_USAGE, ...told }, grammar.observe(answer), bound)
  yield { kind: 'done', usage: settled, finish: grammar.finish(answer) ?? 'stop' }
}

function parsePayload(data: string): JsonObject {
  const payload = parse(data)
  if (!isObject(payload))
    throw new EngineError('engine_failed', 'the engine sent a malformed event')
  if (payload['error'] !== undefined && payload['error'] !== null) {
    throw new EngineError('engine_failed', 'the engine reported an error in mid-answer')
  }
  return payload
}

function parse(data: string): unknown {
  try {
    return JSON.parse(data)
  } catch (cause) {
    throw new EngineError('engine_failed', 'the engine sent an event that is not JSON', { cause })
  }
}
