import type { Clock, Random } from '#base/brand.ts'
import { toSeconds } from '#base/brand.ts'
import type { Bytes } from '#base/bytes.ts'
import { hex } from '#base/bytes.ts'
import type { Json } from '#base/jcs.ts'
import type {
  Endpoint,
  Engine,
  EngineEvent,
  EngineRequest,
  FinishReason,
  JsonObject,
  Usage,
} from '../engine.ts'
import { NO_USAGE } from '../engine.ts'
import { unsupported } from '../fields.ts'
import type { AnswerFormat, AnswerHead } from './answer.ts'
import { CHAT_FORMAT, COMPLETION_FORMAT } from './answer.ts'
import { embed, embeddingPrompts } from './embed.ts'
import type { Step } from './generate.ts'
import { generate } from './generate.ts'
import { parseGguf } from './gguf.ts'
import { HONOURED, readParameters } from './parameters.ts'
import { chatPrompt, completionPrompt, requireRoom } from './prompt.ts'
import { createSampler } from './sampler.ts'
import type { Tokenizer } from './tokenizer.ts'
import { createTokenizer } from './tokenizer.ts'
import type { Transformer } from './transformer.ts'
import { loadTransformer } from './transformer.ts'

/** Stands in every answer, so that nobody takes a demonstration for a product. */
export const DEMO_FINGERPRINT = 'cocoon-demo-tiny-not-a-real-assistant'

const ID_BYTES = 12

export interface DemoEngineOptions {
  /** The whole GGUF file. */
  readonly weights: Bytes
  readonly clock: Clock
  readonly random: Random
}

interface Context {
  readonly model: Transformer
  readonly tokenizer: Tokenizer
  readonly options: DemoEngineOptions
}

type PromptBuilder = (body: JsonObject, tokenizer: Tokenizer, context: number) => readonly number[]

interface TextEndpoint {
  readonly format: AnswerFormat
  readonly prompt: PromptBuilder
  /** The vocabulary puts a space before a first word; after a role mark it is not content. */
  readonly dropLeadingSpace: boolean
}

const TEXT_ENDPOINTS: ReadonlyMap<Endpoint, TextEndpoint> = new Map([
  ['/v1/chat/completions', { format: CHAT_FORMAT, prompt: chatPrompt, dropLeadingSpace: true }],
  [
    '/v1/completions',
    { format: COMPLETION_FORMAT, prompt: completionPrompt, dropLeadingSpace: false },
  ],
])

/**
 * The demonstration engine: a real, tiny transformer in plain TypeScript. Real tokens, real logits, exact
 * counts, no native code. @throws GgufError when the file is not a model that it can run
 */
export function createDemoEngine(options: DemoEngineOptions): Engine {
  const file = parseGguf(options.weights)
  const tokenizer = createTokenizer(file)
  const model = loadTransformer(file, tokenizer.size)
  const context: Context = { model, tokenizer, options }
  return {
    fingerprint: DEMO_FINGERPRINT,
    endpoints: new Set<Endpoint>([
      ...TEXT_ENDPOINTS.keys(),
      '/v1/embeddings',
      '/v1/messages/count_tokens',
    ]),
    features: { supported_parameters: HONOURED, input_modalities: ['text'] },
    contextLength: model.shape.context,
    countPrompt: async (endpoint, body) => ({
      tokens: countPrompt(context, endpoint, body),
      exact: true,
    }),
    run: (request) => {
      const text = TEXT_ENDPOINTS.get(request.endpoint)
      return text === undefined ? runEmbeddings(context, request) : runText(context, request, text)
    },
    healthy: async () => true,
    close: async () => {},
  }
}

function countPrompt(context: Context, endpoint: Endpoint, body: JsonObject): number {
  if (endpoint === '/v1/embeddings') return totalLength(embeddingIds(context, body))
  const { tokenizer, model } = context
  return textEndpoint(endpoint).prompt(body, tokenizer, model.shape.context).length
}

function textEndpoint(endpoint: Endpoint): TextEndpoint {
  const found = TEXT_ENDPOINTS.get(endpoint)
  if (found === undefined) throw unsupported('endpoint', 'the engine does not serve this endpoint')
  return found
}

async function* runText(
  context: Context,
  request: EngineRequest,
  { format, prompt, dropLeadingSpace }: TextEndpoint,
): AsyncGenerator<EngineEvent, void, void> {
  const { model, tokenizer, options } = context
  const parameters = readParameters(request.body)
  const ids = prompt(request.body, tokenizer, model.shape.context)
  requireRoom(ids, model.shape.context)
  const entropy = new DataView(options.random(4).buffer).getUint32(0)
  const steps = generate({
    model,
    tokenizer,
    prompt: ids,
    parameters,
    sampler: createSampler(parameters, entropy),
    dropLeadingSpace,
    signal: request.signal,
  })
  yield { kind: 'accepted', promptTokens: ids.length }
  const head = answerHead(options, format, request.body)
  const produced = request.stream
    ? streamChunks(steps, format, head)
    : collectWhole(steps, format, head)
  yield* finishWith(produced, ids.length)
}

interface Outcome {
  readonly tokens: number
  readonly finish: FinishReason
}

async function* finishWith(
  produced: AsyncGenerator<EngineEvent, Outcome | undefined, void>,
  promptTokens: number,
): AsyncGenerator<EngineEvent, void, void> {
  const outcome = yield* produced
  if (outcome === undefined) return
  const usage: Usage = { ...NO_USAGE, promptTokens, completionTokens: outcome.tokens }
  yield { kind: 'done', usage, finish: outcome.finish }
}

async function* streamChunks(
  steps: AsyncGenerator<Step, void, void>,
  format: AnswerFormat,
  head: AnswerHead,
): AsyncGenerator<EngineEvent, Outcome | undefined, void> {
  const opening = format.opening(head)
  if (opening !== undefined) yield { kind: 'chunk', data: JSON.stringify(opening), tokens: 0 }
  for await (const step of steps) {
    if (step.text !== '' || step.logprobs !== undefined) {
      const chunk = format.chunk(head, step, null)
      yield { kind: 'chunk', data: JSON.stringify(chunk), tokens: step.tokens }
    }
    if (step.finish === undefined) continue
    const last = format.chunk(head, { text: '', logprobs: undefined }, step.finish)
    yield { kind: 'chunk', data: JSON.stringify(last), tokens: step.tokens }
    return { tokens: step.tokens, finish: step.finish }
  }
  return undefined
}

async function* collectWhole(
  steps: AsyncGenerator<Step, void, void>,
  format: AnswerFormat,
  head: AnswerHead,
): AsyncGenerator<EngineEvent, Outcome | undefined, void> {
  let text = ''
  const logprobs: Json[] = []
  for await (const step of steps) {
    text += step.text
    logprobs.push(...(step.logprobs ?? []))
    if (step.finish === undefined) continue
    const piece = { text, logprobs: logprobs.length === 0 ? undefined : logprobs }
    yield { kind: 'json', body: format.whole(head, piece, step.finish) }
    return { tokens: step.tokens, finish: step.finish }
  }
  return undefined
}

async function* runEmbeddings(
  context: Context,
  { body, signal }: EngineRequest,
): AsyncGenerator<EngineEvent, void, void> {
  const prompts = embeddingIds(context, body)
  const promptTokens = totalLength(prompts)
  yield { kind: 'accepted', promptTokens }
  const data = await embed(body, prompts, context.model, signal)
  yield { kind: 'json', body: { object: 'list', model: modelName(body), data } }
  yield { kind: 'done', usage: { ...NO_USAGE, promptTokens }, finish: 'stop' }
}

function embeddingIds({ model, tokenizer }: Context, body: JsonObject) {
  return embeddingPrompts(body, tokenizer, model.shape.context)
}

function totalLength(prompts: readonly (readonly number[])[]): number {
  return prompts.reduce((sum, prompt) => sum + prompt.length, 0)
}

function answerHead(
  { clock, random }: DemoEngineOptions,
  format: AnswerFormat,
  body: JsonObject,
): AnswerHead {
  return {
    id: `${format.idPrefix}${hex(random(ID_BYTES))}`,
    created: toSeconds(clock()),
    model: modelName(body),
    fingerprint: DEMO_FINGERPRINT,
  }
}

function modelName(body: JsonObject): string {
  return typeof body['model'] === 'string' ? body['model'] : 'tiny-demo'
}
