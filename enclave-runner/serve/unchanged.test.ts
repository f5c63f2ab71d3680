import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ask, payloads } from '../testing/ask.ts'
import { type Registered, startTestGateway } from '../testing/test-gateway.ts'
import { startTestRunner } from '../testing/test-runner.ts'

/**
 * Whatever a caller says and an engine answers passes the enclave as it is: multimodal parts, tools, structured outputs,
 * logprobs, reasoning, and members that nobody has thought of yet.
 */
const MODEL = 'tiny-demo'
const RUNS = 60
// biome-ignore lint/suspicious/noExplicitAny: a test of arbitrary JSON
type Json = any

/** The engine keeps what it was asked, and answers what the test has laid out. */
let asked: Json
let choice: Json
const engine = createServer(async (request, response) => {
  if (request.method === 'GET') {
    response.end('{"data":[{"id":"inner","owned_by":"x","max_model_len":1000000}]}')
    return
  }
  // What a runner tries at its start.
  if (request.url === '/tokenize' || request.url === '/v1/audio/transcriptions') {
    response.writeHead(404).end()
    return
  }
  const parts: Buffer[] = []
  for await (const part of request) parts.push(part)
  asked = JSON.parse(Buffer.concat(parts).toString())
  const usage = { prompt_tokens: 3, completion_tokens: 1, total_tokens: 4 }
  const head = { id: 'chatcmpl-1', created: 1, model: 'inner', ...choice.beside }
  const { beside: _, ...told } = choice
  if (asked.stream !== true) {
    response.end(JSON.stringify({ ...head, object: 'chat.completion', choices: [told], usage }))
    return
  }
  const object = 'chat.completion.chunk'
  response.write(`data: ${JSON.stringify({ ...head, object, choices: [told] })}\n\n`)
  response.write(`data: ${JSON.stringify({ ...head, object, choices: [], usage })}\n\n`)
  response.end('data: [DONE]\n\n')
})
let at: Registered
const closers: (() => Promise<unknown>)[] = []

beforeAll(async () => {
  engine.listen(0, '127.0.0.1')
  await once(engine, 'listening')
  // Sound: a TCP server that listens has an address object.
  const { port } = engine.address() as AddressInfo
  const gateway = await startTestGateway()
  const url = `http://127.0.0.1:${port}`
  const { runner } = await startTestRunner([gateway.origin], {
    engine: { kind: 'openai-url', url, apiKey: undefined, engineModel: undefined },
  })
  await gateway.until(() => gateway.heartbeats.length > 0)
  // Sound: `until` just saw one.
  at = gateway.registrations[0] as Registered
  closers.push(
    () => runner.close(0),
    () => gateway.close(),
  )
})
afterAll(async () => {
  for (const close of closers) await close()
  engine.closeAllConnections()
  engine.close()
})

/** JSON as it survives JSON: no `-0`. */
const json = fc.jsonValue({ maxDepth: 3 }).map((value) => JSON.parse(JSON.stringify(value)))
/** Members that a request must not have of its own: they are the runner's to set, or name an address. */
const OWN =
  /^(?:model|messages|stream|stream_options|provider|n|best_of|prompt|max_tokens|max_completion_tokens|cache_salt|cache_prompt|usage|choices|id|object|created|__proto__)$|_url$/
const members = fc
  .dictionary(fc.string({ minLength: 1, maxLength: 12 }), json, { maxKeys: 4 })
  .filter((found) => !Object.keys(found).some((name) => OWN.test(name)))
const KNOWN = fc.record(
  {
    tools: fc.constant([
      { type: 'function', function: { name: 'f', parameters: { type: 'object' } } },
    ]),
    tool_choice: fc.constantFrom('auto', { type: 'function', function: { name: 'f' } }),
    parallel_tool_calls: fc.boolean(),
    response_format: fc.constant({
      type: 'json_schema',
      json_schema: { name: 'n', schema: {}, strict: true },
    }),
    logprobs: fc.boolean(),
    top_logprobs: fc.integer({ min: 0, max: 20 }),
    reasoning_effort: fc.constantFrom('low', 'high'),
    chat_template_kwargs: members,
    seed: fc.integer(),
    stop: fc.array(fc.string(), { maxLength: 4 }),
    metadata: fc.dictionary(fc.string(), fc.string(), { maxKeys: 2 }),
  },
  { requiredKeys: [] },
)
const part = fc.oneof(
  fc.record({ type: fc.constant('text'), text: fc.string() }),
  fc.record({
    type: fc.constant('image_url'),
    image_url: fc.record({
      url: fc.constant('data:image/png;base64,AA=='),
      detail: fc.constantFrom('low', 'auto'),
    }),
  }),
  fc.record({
    type: fc.constant('input_audio'),
    input_audio: fc.constant({ data: 'AA==', format: 'wav' }),
  }),
  fc.record({
    type: fc.constant('file'),
    file: fc.constant({ file_data: 'data:application/pdf;base64,AA==', filename: 'a.pdf' }),
  }),
)
const message = fc.oneof(
  fc.record({ role: fc.constantFrom('system', 'developer', 'user'), content: fc.string() }),
  fc.record({
    role: fc.constant('user'),
    content: fc.array(part, { maxLength: 3 }),
    name: fc.string(),
  }),
  fc.record({
    role: fc.constant('assistant'),
    content: fc.constant(null),
    refusal: fc.string(),
    tool_calls: fc.constant([
      { id: 'c', type: 'function', function: { name: 'f', arguments: '{}' } },
    ]),
  }),
  fc.record({ role: fc.constant('tool'), tool_call_id: fc.constant('c'), content: fc.string() }),
)
const delta = fc.record(
  {
    role: fc.constant('assistant'),
    content: fc.option(fc.string()),
    refusal: fc.option(fc.string()),
    reasoning: fc.string(),
    reasoning_content: fc.string(),
    reasoning_details: fc.array(json, { maxLength: 2 }),
    annotations: fc.array(json, { maxLength: 2 }),
    audio: json,
    tool_calls: fc.constant([
      { index: 0, id: 'c', type: 'function', function: { name: 'f', arguments: '{"a":' } },
    ]),
  },
  { requiredKeys: ['role'] },
)
/** Reasoning comes under both of its names, since most clients read one. */
function readable(said: Json): Json {
  const told = said.reasoning ?? said.reasoning_content
  return told === undefined ? said : { reasoning: told, reasoning_content: told, ...said }
}
const choices = fc
  .tuple(
    delta,
    fc.option(json),
    fc.constantFrom('stop', 'length', 'tool_calls', 'content_filter'),
    members,
  )
  .map(([said, logprobs, finish_reason, beside]) => ({ said, logprobs, finish_reason, beside }))

test.each([false, true])(
  'a request and its answer pass unchanged, streamed: %s',
  async (stream) => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(message, { minLength: 1, maxLength: 3 }),
        KNOWN,
        members,
        choices,
        async (messages, known, unknown, { said, logprobs, finish_reason, beside }) => {
          const body = { ...unknown, ...known, messages, max_tokens: 5 }
          choice = {
            index: 0,
            [stream ? 'delta' : 'message']: said,
            logprobs,
            finish_reason,
            beside,
          }
          const answer = await ask(
            at,
            { ...body, model: MODEL, stream },
            { allowance: { max_prompt_tokens: 1_000_000 } },
          )
          expect(answer.status).toBe(200)
          const { model: _, stream: __, stream_options: ___, ...reached } = asked
          expect(reached).toEqual(body)
          const text = stream ? payloads(answer.text)[0] : answer.text
          const {
            usage: ____,
            cocoon_receipt: _____,
            provider: _______,
            ...told
          } = JSON.parse(text ?? '')
          const { beside: ______, ...rest } = choice
          const member = stream ? 'delta' : 'message'
          const expected = { ...rest, [member]: readable(rest[member]) }
          expect(told).toEqual({
            ...beside,
            id: 'chatcmpl-1',
            created: 1,
            object: stream ? 'chat.completion.chunk' : 'chat.completion',
            model: MODEL,
            choices: [expected],
          })
        },
      ),
      { numRuns: RUNS },
    )
  },
)
