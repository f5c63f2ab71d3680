import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Bytes, base64, concat, fromHex, utf8 } from '#base/bytes.ts'
import { nano } from '#base/nano.ts'
import { ConfigError, readRunnerConfig } from '#enclave-runner/config.ts'
import { GgufError, parseGguf } from '#enclave-runner/engine/demo/gguf.ts'
import { openDialect } from '#enclave-runner/engine/dialects/open-dialect.ts'
import type { Answered, Endpoint, JsonObject } from '#enclave-runner/engine/engine.ts'
import { NO_USAGE } from '#enclave-runner/engine/engine.ts'
import { EngineError } from '#enclave-runner/engine/engine-error.ts'
import { GRAMMARS } from '#enclave-runner/engine/openai/grammar.ts'
import { createScriptedEngine } from '#enclave-runner/engine/scripted.ts'
import { createSseReader } from '#enclave-runner/engine/sse-reader.ts'
import { formatLine, parseLine } from '#enclave-runner/outbox/ledger.ts'
import { openNvidia } from '#enclave-runner/quote/nvidia.ts'
import { QuoteError } from '#enclave-runner/quote/quote-error.ts'
import { readRequest } from '#enclave-runner/serve/read-request.ts'
import { ServeError } from '#enclave-runner/serve/serve-error.ts'
import { SETTINGS } from '#enclave-runner/settings.ts'
import { ENDPOINTS } from '#protocol'
import { type FuzzTarget, target, Violation } from '../engine/target.ts'
import { environmentOf } from './gateway.ts'
import { MODEL, NOW, PRICE, SESSION } from './messages.ts'
import { inPieces, jsonBytes, jsonOf, show, textOf } from './texts.ts'

const MODEL_FILE = join(import.meta.dirname, '..', '..', '..', 'models', 'tiny-demo.gguf')

export function runnerTargets(): readonly FuzzTarget[] {
  return [...requests(), ...events(), gguf(), outboxLine(), nvattest(), settings()]
}

const MESSAGES = [
  { role: 'system', content: 'a' },
  {
    role: 'user',
    content: [
      { type: 'text', text: 'b' },
      { type: 'image_url', image_url: { url: 'data:image/png;base64,AA' } },
    ],
  },
  {
    role: 'assistant',
    content: null,
    tool_calls: [{ id: 'c', type: 'function', function: { name: 'f', arguments: '{"a":1}' } }],
  },
  { role: 'tool', tool_call_id: 'c', content: 'd' },
]
const TOOL = { name: 'f', description: 'x', parameters: { type: 'object' } }
/** Bodies of JSON that an engine answers; a recording comes as a form. */
type JsonPath = Exclude<Answered, '/v1/audio/transcriptions'>
const JSON_PATHS = [
  '/v1/chat/completions',
  '/v1/completions',
  '/v1/embeddings',
  '/v1/responses',
  '/v1/messages',
] as const satisfies readonly JsonPath[]

const BODIES: Readonly<Record<JsonPath, readonly object[]>> = {
  '/v1/chat/completions': [
    {
      model: MODEL,
      messages: MESSAGES,
      max_tokens: 5,
      n: 2,
      stream: true,
      tools: [{ type: 'function', function: TOOL }],
      stop: ['x'],
    },
  ],
  '/v1/completions': [{ model: MODEL, prompt: ['a', 'b'], best_of: 2, max_tokens: 5 }],
  '/v1/embeddings': [{ model: MODEL, input: ['a', 'b'] }],
  '/v1/responses': [
    {
      model: MODEL,
      instructions: 'i',
      input: [
        {
          role: 'user',
          content: [
            { type: 'input_text', text: 'a' },
            { type: 'input_image', image_url: 'data:image/png;base64,AA' },
          ],
        },
        { type: 'function_call', call_id: 'c', name: 'f', arguments: '{}' },
        { type: 'function_call_output', call_id: 'c', output: 'o' },
      ],
      max_output_tokens: 5,
      stream: true,
      tools: [{ type: 'function', ...TOOL }],
      text: { format: { type: 'text' } },
    },
  ],
  '/v1/messages': [
    {
      model: MODEL,
      system: [{ type: 'text', text: 's' }],
      max_tokens: 5,
      stream: true,
      messages: [
        {
          role: 'user',
          content: [
            { type: 'text', text: 'a' },
            { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'AA' } },
          ],
        },
        { role: 'assistant', content: [{ type: 'tool_use', id: 'c', name: 'f', input: { a: 1 } }] },
        { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'c', content: 'd' }] },
      ],
      tools: [{ name: 'f', description: 'x', input_schema: { type: 'object' } }],
      stop_sequences: ['x'],
    },
  ],
}

/** A body that was sealed: nobody has looked at it before. */
function requests(): readonly FuzzTarget[] {
  const scripted = createScriptedEngine({ script: { chunks: 1, gapMs: -1 }, contextLength: 4_096 })
  const everything = { ...scripted, endpoints: new Set<Endpoint>(ENDPOINTS) }
  const allowance = {
    request: `req_${'0'.repeat(32)}`,
    attempt: 1,
    session: SESSION,
    enc: '00'.repeat(32),
    max_prompt_tokens: 50_000,
    max_completion_tokens: 1_000,
    price: PRICE,
    max_cost: nano(1_000_000n),
    expires: NOW + 60,
    ref: 'b3Bh',
  }
  return JSON_PATHS.flatMap((path) =>
    [scripted, everything].flatMap((engine) => {
      const isNative = engine.endpoints.has(path)
      // What chat cannot say is refused without a look.
      if (!isNative && path !== '/v1/responses' && path !== '/v1/messages') return []
      if (isNative && path === '/v1/chat/completions' && engine === everything) return []
      return target({
        name: `sealed body of ${path}${isNative ? '' : ', as chat'}`,
        file: 'enclave-runner/serve/read-request.ts',
        grammar: 'json',
        corpus: BODIES[path].map(jsonBytes),
        dictionary: ['"image_url":', '"https://a.example/"', '"data:,"', '"n":', '"role":"tool"'],
        errors: [ServeError, EngineError],
        parse: (b) =>
          readRequest({ path, plaintext: b, model: MODEL, mustNameModel: true, allowance, engine }),
        // Nothing leads out of the enclave (H13), and no answer is longer than what is paid for.
        rule: ({ body }) => {
          if (
            /_url":\s*(?:\{"url":)?"https?:/.test(
              JSON.stringify(body['messages'] ?? body['input'] ?? ''),
            )
          ) {
            throw new Violation('would fetch from outside')
          }
          const limit =
            body['max_completion_tokens'] ?? body['max_tokens'] ?? body['max_output_tokens'] ?? 0
          if (typeof limit !== 'number' || limit > allowance.max_completion_tokens) {
            throw new Violation('asks for more than was allowed')
          }
        },
      })
    }),
  )
}

const CHUNK = {
  id: 'c',
  object: 'chat.completion.chunk',
  created: 1,
  model: 'm',
  choices: [
    {
      index: 0,
      delta: {
        role: 'assistant',
        content: 'a',
        reasoning_content: 'r',
        tool_calls: [{ index: 0, id: 'c', function: { name: 'f', arguments: '{"a":1}' } }],
      },
      finish_reason: null,
      logprobs: null,
    },
  ],
  usage: { prompt_tokens: 1, completion_tokens: 2, prompt_tokens_details: { cached_tokens: 1 } },
}
const WHOLE = {
  id: 'c',
  object: 'chat.completion',
  created: 1,
  model: 'm',
  choices: [
    {
      index: 0,
      message: {
        role: 'assistant',
        content: 'a',
        tool_calls: [{ id: 'c', type: 'function', function: { name: 'f', arguments: '{}' } }],
      },
      finish_reason: 'tool_calls',
    },
  ],
  usage: { prompt_tokens: 1, completion_tokens: 2, total_tokens: 3 },
}
const EVENTS: Readonly<Record<Answered, readonly object[]>> = {
  '/v1/audio/transcriptions': [
    { type: 'transcript.text.delta', delta: 'a' },
    { type: 'transcript.text.done', text: 'a', usage: { type: 'duration', seconds: 3 } },
    { text: 'a', usage: { type: 'tokens', input_tokens: 1, output_tokens: 2, total_tokens: 3 } },
  ],
  '/v1/chat/completions': [CHUNK, { ...CHUNK, choices: [], usage: CHUNK.usage }, WHOLE],
  '/v1/completions': [
    { id: 'c', choices: [{ index: 0, text: 'a', finish_reason: 'stop' }], usage: CHUNK.usage },
  ],
  '/v1/embeddings': [
    {
      object: 'list',
      data: [{ index: 0, embedding: [0.5] }],
      usage: { prompt_tokens: 1, total_tokens: 1 },
    },
  ],
  '/v1/responses': [
    {
      type: 'response.output_text.delta',
      delta: 'a',
      item_id: 'i',
      output_index: 0,
      content_index: 0,
    },
    {
      type: 'response.completed',
      response: {
        id: 'r',
        status: 'completed',
        model: 'm',
        output: [],
        usage: {
          input_tokens: 1,
          output_tokens: 2,
          output_tokens_details: { reasoning_tokens: 1 },
        },
      },
    },
  ],
  '/v1/messages': [
    {
      type: 'message_start',
      message: { id: 'm', model: 'x', usage: { input_tokens: 1, output_tokens: 1 } },
    },
    { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: 'a' } },
    { type: 'message_delta', delta: { stop_reason: 'end_turn' }, usage: { output_tokens: 2 } },
  ],
}
const FORM_PATH = '/v1/audio/transcriptions'
const BILLED = {
  usage: { ...NO_USAGE, promptTokens: 1, completionTokens: 2 },
  cost: 0.1,
  costNano: '5',
  provider: 'run_1',
}

/** What an engine says: it may be a model server that a malicious model file has taken over. */
function events(): readonly FuzzTarget[] {
  const stream = utf8(
    `: a\r\nevent: b\r\ndata: ${JSON.stringify(CHUNK)}\r\n\r\ndata: x\ndata: y\n\nid: 5\rdata:z\r\rdata: [DONE]\n\n`,
  )
  return [
    target({
      name: 'event stream (SSE)',
      file: 'enclave-runner/engine/sse-reader.ts',
      corpus: [stream],
      dictionary: ['\n\n', '\r\n', '\r', 'data:', 'data: ', ': ', '\u{feff}', 'event: '],
      errors: [EngineError],
      parse: (b) => show(payloads([b])),
      rule: (whole, b) => {
        if (show(payloads(inPieces(b))) !== whole)
          throw new Violation('depends on how the bytes were cut')
      },
    }),
    ...([...JSON_PATHS, FORM_PATH] as const).map((path) =>
      target({
        name: `an engine’s words at ${path}`,
        file: 'enclave-runner/engine/openai/grammar.ts',
        grammar: 'json',
        corpus: EVENTS[path].map(jsonBytes),
        errors: [EngineError],
        parse: (b) => {
          const payload = objectOf(b)
          const grammar = GRAMMARS[path]
          const { deltas, bytes } = grammar.observe(payload)
          if (![deltas, bytes].every((count) => Number.isSafeInteger(count) && count >= 0)) {
            throw new Violation('counts what is no number')
          }
          return [grammar.usage(payload), grammar.finish(payload), grammar.rewrite(payload, MODEL)]
        },
        rule: ([usage]) => {
          for (const count of Object.values(usage ?? {})) {
            if (!Number.isSafeInteger(count) || Number(count) < 0)
              throw new Violation('bills what is no number')
          }
        },
      }),
    ),
    ...JSON_PATHS.flatMap((path) => [true, false].flatMap((isNative) => writer(path, isNative))),
  ]
}

function payloads(pieces: readonly Bytes[]): readonly string[] {
  const reader = createSseReader()
  return pieces.flatMap((piece) => reader.push(piece))
}

/** As the engine's side hands an event on: an object. */
function objectOf(bytes: Bytes): JsonObject {
  const value = jsonOf(bytes)
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new EngineError('engine_failed', 'no object')
  }
  // Sound: JSON.parse makes nothing else of an object.
  return value as JsonObject
}

function writer(path: JsonPath, isNative: boolean): readonly FuzzTarget[] {
  const endpoints = new Set<Endpoint>(isNative ? [path] : ['/v1/chat/completions'])
  const asked = { ...BODIES[path][0], model: MODEL } as JsonObject
  const open = () => openDialect(path, asked, { endpoints })
  const said = open()?.endpoint
  if (said === undefined || (!isNative && said === path)) return []
  return [
    target({
      name: `an engine’s answer told at ${path}${isNative ? '' : ', from chat'}`,
      file: 'enclave-runner/engine/dialects/',
      grammar: 'json',
      corpus: EVENTS[said].map(jsonBytes),
      errors: [EngineError],
      parse: (b) => {
        const data = JSON.stringify(objectOf(b))
        const streamed = open()?.writer
        const told = [
          streamed?.chunk(data),
          streamed?.chunk(data),
          streamed?.cut(),
          streamed?.end(BILLED),
        ]
        return [told.join(''), show(open()?.writer.whole(objectOf(b), BILLED))]
      },
      // Whole events, or the next one would be read as part of this.
      rule: ([told = '', whole = '{}']) => {
        if (told !== '' && !told.endsWith('\n\n')) throw new Violation('ends within an event')
        const { stop_reason: reason } = JSON.parse(whole)
        const isTranslated = path === '/v1/messages' && !isNative
        if (isTranslated && typeof reason !== 'string') throw new Violation('stops for no reason')
      },
    }),
  ]
}

function gguf(): FuzzTarget {
  const string = (text: string): Bytes => concat(u64(text.length), utf8(text))
  const made = concat(
    utf8('GGUF'),
    u32(3),
    u64(1),
    u64(4),
    ...[string('a'), u32(4), u32(7)],
    ...[string('b'), u32(8), string('text')],
    ...[string('c'), u32(9), u32(8), u64(2), string('x'), string('y')],
    ...[string('d'), u32(7), Uint8Array.of(1)],
    ...[string('t'), u32(2), u64(2), u64(3), u32(0), u64(0)],
    new Uint8Array(64),
  )
  return target({
    name: 'GGUF',
    file: 'enclave-runner/engine/demo/gguf.ts',
    // The real one is 4 MB of weights: its head is what is read.
    corpus: [wholeGguf(made)],
    dictionary: ['GGUF'],
    errors: [GgufError],
    parse: parseGguf,
  })
}

function wholeGguf(made: Bytes): Bytes {
  const real = readFileSync(MODEL_FILE)
  if (real.subarray(0, 4).toString() !== 'GGUF')
    throw new Error('the demonstration model is no GGUF')
  return made
}

function u32(value: number): Bytes {
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setUint32(0, value, true)
  return bytes
}

function u64(value: number): Bytes {
  return concat(u32(value), u32(0))
}

function outboxLine(): FuzzTarget {
  const names = { gateway: 'https://g.example', receiptId: `req_${'0'.repeat(32)}` }
  const signed = { till: 'a', payee: 'b', cumulative: '5', signature: 'c' }
  const lines = [
    {
      kind: 'put',
      entry: { ...names, runner: 'run_a', ref: 'r', cost: '5', at: 1, receipt: { a: 1 } },
    },
    { kind: 'settled', ...names, host: '4' },
    { kind: 'refused', refused: { ...names, answer: { refusal: { reason: 'x' } } } },
    { kind: 'voucher', gateway: names.gateway, cumulative: '5', signed },
    {
      kind: 'credit',
      gateway: names.gateway,
      credit: { earned: '-5', baseline: '1', vouched: '2' },
    },
  ]
  return target({
    name: 'line of the outbox',
    file: 'enclave-runner/outbox/ledger.ts',
    grammar: 'json',
    corpus: lines.map(jsonBytes),
    errors: [RangeError, SyntaxError, TypeError],
    parse: (b) => parseLine(textOf(b)),
    rule: (line) => {
      if (show(parseLine(formatLine(line))) !== show(line))
        throw new Violation('reads otherwise once written')
    },
  })
}

function nvattest(): FuzzTarget {
  const nonce = new Uint8Array(32).fill(7)
  const device = {
    arch: 'HOPPER',
    nonce: '07'.repeat(32),
    evidence: base64(fromHex('0011')),
    certificate: base64(utf8('c')),
  }
  return target({
    name: 'what nvattest prints',
    file: 'enclave-runner/quote/nvidia.ts',
    grammar: 'json',
    corpus: [{ result_code: 0, evidences: [device] }, [device, device]].map(jsonBytes),
    errors: [QuoteError],
    parse: (b) => openNvidia(async () => textOf(b)).gpu(nonce),
  })
}

function settings(): FuzzTarget {
  const lines = {
    RUNNER_ENV: 'development',
    WALLET: `0:${'11'.repeat(32)}`,
    GATEWAYS: 'http://127.0.0.1:1,https://g.example',
    MODEL,
    WEIGHTS_DIGEST: `sha256:${'ab'.repeat(32)}`,
    ENGINE_URL: 'http://127.0.0.1:8000',
    CAPACITY: '8',
    CREDIT_LIMIT_TON: '1.5',
  }
  return target({
    name: 'settings of the runner',
    file: 'enclave-runner/config.ts',
    corpus: [
      utf8(
        Object.entries(lines)
          .map((line) => line.join('='))
          .join('\n'),
      ),
    ],
    dictionary: [
      ...Object.keys(SETTINGS).map((name) => `\n${name}=`),
      'unix:/',
      'https://',
      ',',
      'production',
    ],
    errors: [ConfigError],
    parse: (b) => readRunnerConfig({ image: environmentOf(b), host: {} }),
  })
}
