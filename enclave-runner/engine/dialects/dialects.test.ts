import { describe, expect, test } from 'vitest'
import type { Answered, Endpoint, JsonObject } from '../engine.ts'
import { NO_USAGE } from '../engine.ts'
import type { Dialect } from './dialect.ts'
import { errorBody, openDialect, spokenEndpoints } from './open-dialect.ts'

const CHAT_ONLY = { endpoints: new Set<Endpoint>(['/v1/chat/completions']) }
const BILLED = {
  usage: {
    ...NO_USAGE,
    promptTokens: 10,
    cachedTokens: 4,
    completionTokens: 7,
    reasoningTokens: 2,
  },
  cost: 0.000_000_03,
  costNano: '30',
  provider: 'run_1',
}
const ERROR = { message: 'gone', type: 'server_error', param: null, code: 'engine_failed' }

function open(endpoint: Answered, body: JsonObject, engine = CHAT_ONLY): Dialect {
  const dialect = openDialect(endpoint, { model: 'm', ...body }, engine)
  if (dialect === undefined) throw new Error('not spoken')
  return dialect
}

function chunk(delta: JsonObject, finish: string | null = null, more: JsonObject = {}): string {
  const choices = [{ index: 0, delta, finish_reason: finish, ...more }]
  const head = { id: 'chatcmpl-1', object: 'chat.completion.chunk', created: 5, model: 'm' }
  return JSON.stringify({ ...head, choices })
}

interface Event {
  readonly name: string
  // biome-ignore lint/suspicious/noExplicitAny: tests read arbitrary members
  readonly data: any
}

function events(text: string): Event[] {
  return text
    .split('\n\n')
    .filter((part) => part !== '')
    .map((part) => {
      const [, name = '', data = ''] = /^event: (\S+)\ndata: (.*)$/.exec(part) ?? []
      return { name, data: JSON.parse(data) }
    })
}

/** Everything that a stream of chunks becomes. */
function streamed({ writer }: Dialect, chunks: readonly string[], end = true): Event[] {
  const text = chunks.map((data) => writer.chunk(data)).join('')
  return events(text + (end ? writer.end(BILLED) : ''))
}

const TOOL_CHUNKS = [
  chunk({ role: 'assistant', content: '' }),
  chunk({ reasoning_content: 'hm' }),
  chunk({ reasoning_content: 'm' }),
  chunk({ content: 'Let me ' }),
  chunk({ content: 'look.' }),
  chunk({
    tool_calls: [
      { index: 0, id: 'call_a', type: 'function', function: { name: 'add', arguments: '' } },
    ],
  }),
  chunk({ tool_calls: [{ index: 0, function: { arguments: '{"a":' } }] }),
  chunk({
    tool_calls: [
      { index: 1, id: 'call_b', type: 'function', function: { name: 'sub', arguments: '{}' } },
    ],
  }),
  chunk({ tool_calls: [{ index: 0, function: { arguments: '1}' } }] }),
  chunk({}, 'tool_calls'),
]

const WHOLE = {
  id: 'chatcmpl-1',
  object: 'chat.completion',
  created: 5,
  model: 'm',
  choices: [
    {
      index: 0,
      finish_reason: 'tool_calls',
      message: {
        role: 'assistant',
        reasoning_content: 'hmm',
        content: 'Let me look.',
        tool_calls: [
          { id: 'call_a', type: 'function', function: { name: 'add', arguments: '{"a":1}' } },
          { id: 'call_b', type: 'function', function: { name: 'sub', arguments: '{}' } },
        ],
      },
    },
  ],
}

describe('Responses over chat', () => {
  const responses = (body: JsonObject = {}) => open('/v1/responses', { input: 'hi', ...body })

  test('text has the whole sequence, numbered without a gap, and no [DONE]', () => {
    const told = streamed(responses(), [
      chunk({ role: 'assistant', content: '' }),
      chunk({ content: 'Hel' }),
      chunk({ content: 'lo' }),
      chunk({}, 'stop'),
    ])
    expect(told.map(({ name }) => name)).toEqual([
      'response.created',
      'response.in_progress',
      'response.output_item.added',
      'response.content_part.added',
      'response.output_text.delta',
      'response.output_text.delta',
      'response.output_text.done',
      'response.content_part.done',
      'response.output_item.done',
      'response.completed',
    ])
    expect(told.map(({ data }) => data.sequence_number)).toEqual(told.map((_, at) => at))
    for (const { name, data } of told) expect(data.type).toBe(name)
    const last = told.at(-1)?.data.response
    expect(last).toMatchObject({
      id: 'resp_1',
      status: 'completed',
      store: false,
      output: [
        { type: 'message', status: 'completed', content: [{ type: 'output_text', text: 'Hello' }] },
      ],
      usage: {
        input_tokens: 10,
        input_tokens_details: { cached_tokens: 4 },
        output_tokens: 7,
        output_tokens_details: { reasoning_tokens: 2 },
        total_tokens: 17,
        cost_nano: '30',
      },
    })
  })

  test('reasoning, text and two calls side by side are items of their own', () => {
    const told = streamed(responses(), TOOL_CHUNKS)
    const names = told.map(({ name }) => name.replace('response.', ''))
    expect(names).toEqual([
      'created',
      'in_progress',
      'output_item.added',
      'reasoning_summary_part.added',
      'reasoning_summary_text.delta',
      'reasoning_summary_text.delta',
      'reasoning_summary_text.done',
      'reasoning_summary_part.done',
      'output_item.done',
      'output_item.added',
      'content_part.added',
      'output_text.delta',
      'output_text.delta',
      'output_text.done',
      'content_part.done',
      'output_item.done',
      'output_item.added',
      'function_call_arguments.delta',
      'output_item.added',
      'function_call_arguments.delta',
      'function_call_arguments.delta',
      'function_call_arguments.done',
      'output_item.done',
      'function_call_arguments.done',
      'output_item.done',
      'completed',
    ])
    expect(told.at(-1)?.data.response.output).toMatchObject([
      { type: 'reasoning', summary: [{ type: 'summary_text', text: 'hmm' }] },
      { type: 'message', content: [{ text: 'Let me look.' }] },
      { type: 'function_call', call_id: 'call_a', name: 'add', arguments: '{"a":1}' },
      { type: 'function_call', call_id: 'call_b', name: 'sub', arguments: '{}' },
    ])
  })

  test('the whole answer is what the stream ends with', () => {
    const told = streamed(responses(), TOOL_CHUNKS)
    const whole = responses().writer.whole(WHOLE, BILLED)
    expect(whole).toEqual(told.at(-1)?.data.response)
  })

  test('a refusal, and logprobs, are told as such', () => {
    const refused = streamed(responses(), [chunk({ refusal: 'I will not' }), chunk({}, 'stop')])
    expect(refused.map(({ name }) => name)).toContain('response.refusal.delta')
    expect(refused.at(-1)?.data.response.output[0].content).toEqual([
      { type: 'refusal', refusal: 'I will not' },
    ])
    const entry = { token: 'a', logprob: -1, bytes: [97], top_logprobs: [] }
    const logged = streamed(responses(), [
      chunk({ content: 'a' }, 'stop', { logprobs: { content: [entry] } }),
    ])
    expect(logged.find(({ name }) => name === 'response.output_text.delta')?.data.logprobs).toEqual(
      [entry],
    )
  })

  test.each([
    ['length', 'max_output_tokens'],
    ['content_filter', 'content_filter'],
  ])('%s ends incomplete', (finish, reason) => {
    const told = streamed(responses(), [chunk({ content: 'Hel' }), chunk({}, finish)])
    expect(told.at(-1)).toMatchObject({
      name: 'response.incomplete',
      data: { response: { status: 'incomplete', incomplete_details: { reason } } },
    })
    expect(told.at(-1)?.data.response.output[0].status).toBe('incomplete')
  })

  test('an allowance that runs out ends incomplete too', () => {
    const { writer } = responses()
    const told = events(writer.chunk(chunk({ content: 'a' })) + writer.cut() + writer.end(BILLED))
    expect(told.at(-1)?.name).toBe('response.incomplete')
  })

  test('a failure in the middle: failed, then an error that SDKs throw', () => {
    const { writer } = responses()
    const told = events(writer.chunk(chunk({ content: 'a' })) + writer.fail(ERROR))
    expect(told.slice(-2).map(({ name }) => name)).toEqual(['response.failed', 'error'])
    expect(told.at(-1)?.data).toMatchObject({ code: 'engine_failed', message: 'gone', param: null })
  })

  test('a request is said in chat, and what neither API knows passes through', () => {
    const { body, endpoint } = responses({
      instructions: 'be brief',
      input: [
        {
          role: 'user',
          content: [
            { type: 'input_text', text: 'see' },
            { type: 'input_image', image_url: 'data:image/png;base64,AA==', detail: 'low' },
          ],
        },
        { type: 'reasoning', id: 'rs_1', summary: [] },
        { type: 'message', role: 'assistant', content: [{ type: 'output_text', text: 'ok' }] },
        { type: 'function_call', call_id: 'c1', name: 'add', arguments: '{}' },
        { type: 'function_call_output', call_id: 'c1', output: '3' },
      ],
      tools: [{ type: 'function', name: 'add', parameters: { type: 'object' }, strict: true }],
      tool_choice: { type: 'function', name: 'add' },
      text: {
        format: { type: 'json_schema', name: 'n', schema: {}, strict: true },
        verbosity: 'low',
      },
      reasoning: { effort: 'high', summary: 'auto' },
      max_output_tokens: 50,
      include: ['reasoning.encrypted_content'],
      store: true,
      top_k: 5,
      temperature: 0.5,
    })
    expect(endpoint).toBe('/v1/chat/completions')
    expect(body).toEqual({
      model: 'm',
      top_k: 5,
      temperature: 0.5,
      max_tokens: 50,
      reasoning_effort: 'high',
      verbosity: 'low',
      response_format: {
        type: 'json_schema',
        json_schema: { name: 'n', schema: {}, strict: true },
      },
      tools: [
        {
          type: 'function',
          function: { name: 'add', parameters: { type: 'object' }, strict: true },
        },
      ],
      tool_choice: { type: 'function', function: { name: 'add' } },
      messages: [
        { role: 'system', content: 'be brief' },
        {
          role: 'user',
          content: [
            { type: 'text', text: 'see' },
            { type: 'image_url', image_url: { url: 'data:image/png;base64,AA==', detail: 'low' } },
          ],
        },
        {
          role: 'assistant',
          content: 'ok',
          tool_calls: [{ id: 'c1', type: 'function', function: { name: 'add', arguments: '{}' } }],
        },
        { role: 'tool', tool_call_id: 'c1', content: '3' },
      ],
    })
  })

  test.each([
    ['previous_response_id', { previous_response_id: 'resp_0' }],
    ['conversation', { conversation: 'conv_0' }],
    ['prompt', { prompt: { id: 'pmpt_0' } }],
    ['background', { background: true }],
    ['truncation', { truncation: 'auto' }],
    ['tools', { tools: [{ type: 'web_search' }] }],
    ['tools', { tools: [{ type: 'mcp', server_url: 'https://x' }] }],
    ['input', { input: [{ type: 'item_reference', id: 'msg_0' }] }],
    ['input', { input: [{ role: 'user', content: [{ type: 'input_image', file_id: 'file_0' }] }] }],
  ])('%s that needs a state or a host is refused', (param, body) => {
    expect(() => responses(body)).toThrow(
      expect.objectContaining({ code: 'unsupported_parameter', param }),
    )
  })
})

describe('Messages over chat', () => {
  const messages = (body: JsonObject = {}) =>
    open('/v1/messages', { max_tokens: 50, messages: [{ role: 'user', content: 'hi' }], ...body })

  test('thinking, text and two calls are blocks, opened and closed in order', () => {
    const told = streamed(messages(), TOOL_CHUNKS)
    expect(told.map(({ name, data }) => `${name} ${data.index ?? ''}`.trim())).toEqual([
      'message_start',
      'content_block_start 0',
      'content_block_delta 0',
      'content_block_delta 0',
      'content_block_stop 0',
      'content_block_start 1',
      'content_block_delta 1',
      'content_block_delta 1',
      'content_block_stop 1',
      'content_block_start 2',
      'content_block_delta 2',
      'content_block_start 3',
      'content_block_delta 3',
      'content_block_delta 2',
      'content_block_stop 2',
      'content_block_stop 3',
      'message_delta',
      'message_stop',
    ])
    expect(told.at(-2)?.data).toMatchObject({
      delta: { stop_reason: 'tool_use', stop_sequence: null },
      usage: { input_tokens: 6, cache_read_input_tokens: 4, output_tokens: 7, cost_nano: '30' },
    })
  })

  test('the whole answer has the same blocks', () => {
    expect(messages().writer.whole(WHOLE, BILLED)).toMatchObject({
      id: 'msg_1',
      type: 'message',
      role: 'assistant',
      stop_reason: 'tool_use',
      content: [
        { type: 'thinking', thinking: 'hmm' },
        { type: 'text', text: 'Let me look.' },
        { type: 'tool_use', id: 'call_a', name: 'add', input: { a: 1 } },
        { type: 'tool_use', id: 'call_b', name: 'sub', input: {} },
      ],
    })
  })

  test.each([
    ['stop', {}, 'end_turn'],
    ['length', {}, 'max_tokens'],
    ['content_filter', {}, 'refusal'],
    ['stop', { stop_reason: 'END' }, 'stop_sequence'],
  ])('chat’s %s %j becomes %s', (finish, more, reason) => {
    const dialect = messages({ stop_sequences: ['END'] })
    const told = streamed(dialect, [chunk({ content: 'a' }), chunk({}, finish, more)])
    expect(told.at(-2)?.data.delta.stop_reason).toBe(reason)
  })

  test('arguments that are not JSON are no input', () => {
    const [choice] = WHOLE.choices
    const call = { id: 'c', type: 'function', function: { name: 'f', arguments: '{"a":' } }
    const message = { ...choice?.message, tool_calls: [call] }
    const answer = { ...WHOLE, choices: [{ ...choice, message }] } as unknown as JsonObject
    expect(() => messages().writer.whole(answer, BILLED)).toThrow(/not JSON/)
  })

  test('errors have Anthropic’s shape, whole and in the middle', () => {
    expect(errorBody('/v1/messages', { ...ERROR, code: 'model_not_found' })).toMatchObject({
      type: 'error',
      error: { type: 'not_found_error', message: 'gone' },
    })
    const { writer } = messages()
    const told = events(writer.chunk(chunk({ content: 'a' })) + writer.fail(ERROR))
    expect(told.at(-1)).toMatchObject({
      name: 'error',
      data: { type: 'error', error: { type: 'api_error' } },
    })
  })

  test('a request is said in chat', () => {
    const { body } = messages({
      system: [{ type: 'text', text: 'be brief', cache_control: { type: 'ephemeral' } }],
      messages: [
        {
          role: 'user',
          content: [
            { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'AA==' } },
            { type: 'text', text: 'see' },
          ],
        },
        {
          role: 'assistant',
          content: [
            { type: 'thinking', thinking: 'x', signature: '' },
            { type: 'text', text: 'ok' },
            { type: 'tool_use', id: 't1', name: 'add', input: { a: 1 } },
          ],
        },
        {
          role: 'user',
          content: [
            { type: 'tool_result', tool_use_id: 't1', content: '3' },
            { type: 'text', text: 'and?' },
          ],
        },
      ],
      stop_sequences: ['END'],
      tools: [{ name: 'add', description: 'adds', input_schema: { type: 'object' } }],
      tool_choice: { type: 'any', disable_parallel_tool_use: true },
      thinking: { type: 'enabled', budget_tokens: 5000 },
      metadata: { user_id: 'u' },
      top_k: 5,
    })
    expect(body).toEqual({
      model: 'm',
      max_tokens: 50,
      top_k: 5,
      stop: ['END'],
      reasoning_effort: 'medium',
      user: 'u',
      tools: [
        {
          type: 'function',
          function: { name: 'add', description: 'adds', parameters: { type: 'object' } },
        },
      ],
      tool_choice: 'required',
      parallel_tool_calls: false,
      messages: [
        { role: 'system', content: 'be brief' },
        {
          role: 'user',
          content: [
            { type: 'image_url', image_url: { url: 'data:image/png;base64,AA==' } },
            { type: 'text', text: 'see' },
          ],
        },
        {
          role: 'assistant',
          content: 'ok',
          tool_calls: [
            { id: 't1', type: 'function', function: { name: 'add', arguments: '{"a":1}' } },
          ],
        },
        { role: 'tool', tool_call_id: 't1', content: '3' },
        { role: 'user', content: 'and?' },
      ],
    })
  })

  test.each([
    ['max_tokens', { max_tokens: null }, 'invalid_request'],
    ['tools', { tools: [{ type: 'bash_20250124', name: 'bash' }] }, 'unsupported_parameter'],
    ['mcp_servers', { mcp_servers: [{}] }, 'unsupported_parameter'],
    [
      'messages',
      { messages: [{ role: 'user', content: [{ type: 'video' }] }] },
      'unsupported_parameter',
    ],
    ['messages', { messages: [{ role: 'root', content: 'x' }] }, 'invalid_request'],
  ])('%s that cannot be said is refused', (param, body, code) => {
    expect(() => messages(body as unknown as JsonObject)).toThrow(
      expect.objectContaining({ code, param }),
    )
  })
})

describe('an engine that speaks an API itself', () => {
  const native = { endpoints: new Set<Endpoint>(['/v1/responses', '/v1/messages']) }

  test('Responses pass as they are, but the usage is ours and nothing is stored', () => {
    const dialect = open('/v1/responses', { input: 'hi', store: true }, native)
    expect(dialect.endpoint).toBe('/v1/responses')
    expect(dialect.body).toMatchObject({ input: 'hi', store: false })
    const told = streamed(dialect, [
      JSON.stringify({
        type: 'response.created',
        response: { id: 'resp_9', status: 'in_progress' },
      }),
      JSON.stringify({ type: 'response.odd.delta', delta: 'x' }),
      JSON.stringify({
        type: 'response.completed',
        response: { id: 'resp_9', status: 'completed' },
      }),
    ])
    expect(dialect.writer.id).toBe('resp_9')
    expect(told.map(({ data }) => data.sequence_number)).toEqual([0, 1, 2])
    expect(told[1]?.data).toMatchObject({ type: 'response.odd.delta', delta: 'x' })
    expect(told[2]?.data.response.usage).toMatchObject({ input_tokens: 10, cost_nano: '30' })
  })

  test('it refuses a state all the same', () => {
    expect(() => open('/v1/responses', { previous_response_id: 'r' }, native)).toThrow(
      /stores nothing/,
    )
  })

  test.each([
    ['mcp_servers', { mcp_servers: [{ type: 'url', url: 'https://x.example' }] }],
    ['container', { container: 'c' }],
    ['tools', { tools: [{ type: 'web_search_20250305', name: 'web_search' }] }],
  ])('of Messages it refuses %s that a vendor hosts all the same (H13)', (param, more) => {
    expect(() => open('/v1/messages', { max_tokens: 5, ...more }, native)).toThrow(
      expect.objectContaining({ code: 'unsupported_parameter', param }),
    )
  })

  test('a name of its events makes no event of its own', () => {
    const dialect = open('/v1/messages', { max_tokens: 5 }, native)
    const type = 'ping\ndata: {}\n\n: cocoon-receipt e30'
    expect(dialect.writer.chunk(JSON.stringify({ type }))).toBe(
      'event: error\ndata: {"type":"error"}\n\n',
    )
  })

  test('Messages pass as they are, but the usage is ours', () => {
    const dialect = open('/v1/messages', { max_tokens: 5 }, native)
    const told = streamed(dialect, [
      JSON.stringify({ type: 'message_start', message: { id: 'msg_9' } }),
      JSON.stringify({ type: 'message_delta', delta: { stop_reason: 'end_turn' } }),
      JSON.stringify({ type: 'message_stop' }),
    ])
    expect(told.map(({ name }) => name)).toEqual(['message_start', 'message_delta', 'message_stop'])
    expect(told[1]?.data.usage).toMatchObject({ output_tokens: 7 })
    expect(dialect.writer.id).toBe('msg_9')
  })

  test.each(['/v1/responses', '/v1/messages'] as const)(
    '%s that is cut or fails says so',
    (endpoint) => {
      const cut = open(endpoint, {}, native).writer
      expect(events(cut.cut() + cut.end(BILLED)).map(({ name }) => name)[0]).toMatch(
        /response.incomplete|message_delta/,
      )
      expect(events(open(endpoint, {}, native).writer.fail(ERROR))[0]?.name).toBe('error')
    },
  )
})

describe('chat as OpenRouter’s clients ask for it', () => {
  const messages = [{ role: 'user', content: 'hi' }]

  test('usage.include asks for the usage chunk, which names who answered and what it cost', () => {
    const { writer } = open('/v1/chat/completions', { messages, usage: { include: true } })
    writer.chunk(chunk({ content: 'a' }))
    const [usage] = writer.end(BILLED).split('\n\n')
    expect(JSON.parse(usage?.slice('data: '.length) ?? '')).toMatchObject({
      choices: [],
      provider: 'run_1',
      usage: { cost: 3e-8, cost_nano: '30', cost_details: { upstream_inference_cost: null } },
    })
  })

  test.each([
    [{ reasoning: { effort: 'low' } }, 'low'],
    [{ reasoning: { effort: 'low' }, reasoning_effort: 'high' }, 'high'],
    [{ reasoning: { max_tokens: 5 } }, undefined],
  ])('%j asks the engine for an effort of %s', (more, effort) => {
    const { body } = open('/v1/chat/completions', { messages, ...more })
    expect(body).toMatchObject({ messages, ...more })
    expect(body['reasoning_effort']).toBe(effort)
  })

  test.each([
    [{ stream_options: 'usage' }, 'stream_options'],
    [{ stream_options: { include_usage: 'yes' } }, 'include_usage'],
  ])('%j is refused', (more, param) => {
    expect(() => open('/v1/chat/completions', { messages, ...more })).toThrow(
      expect.objectContaining({ code: 'invalid_request', param }),
    )
  })
})

test.each([
  ['/v1/responses', { input: [] }, 'input'],
  ['/v1/responses', { input: 'hi', tools: [{ type: 'function' }] }, 'tools'],
  ['/v1/messages', { max_tokens: 1, messages: [], tools: [{ name: 5 }] }, 'tools'],
  ['/v1/messages', { max_tokens: 1, messages: [], thinking: 'hard' }, 'thinking'],
] as const)('%s with %j is refused by the name that its caller knows', (endpoint, body, param) => {
  expect(() => open(endpoint, body)).toThrow(
    expect.objectContaining({ code: 'invalid_request', param }),
  )
})

test('an engine that speaks chat can be asked at responses and messages, one that embeds only cannot', () => {
  expect(spokenEndpoints(CHAT_ONLY)).toEqual([
    '/v1/chat/completions',
    '/v1/responses',
    '/v1/messages',
  ])
  expect(spokenEndpoints({ endpoints: new Set<Endpoint>(['/v1/embeddings']) })).toEqual([
    '/v1/embeddings',
  ])
  expect(openDialect('/v1/completions', {}, CHAT_ONLY)).toBeUndefined()
})
