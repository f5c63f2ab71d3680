import type OpenAI from 'openai'
import { describe, expect, test } from 'vitest'
import { until } from '../support/account.ts'
import { ENGINE_MODEL, SPOKEN, vectorOf } from '../support/engine-server.ts'
import { costOf, usageOf } from '../support/stranger.ts'
import { ADD_SCHEMA, type At, PERSON_SCHEMA, SENTENCE } from './at.ts'

const user = (content: string) => [{ role: 'user' as const, content }]
const TOOL = { name: 'add', description: 'adds', parameters: { ...ADD_SCHEMA }, strict: true }

/** @param Client the package's class, of whatever major version */
export function openaiSuite(name: string, Client: typeof OpenAI, told: () => At): void {
  describe(name, () => {
    const client = (more: object = {}) => {
      const { baseURL, apiKey } = told()
      return new Client({ baseURL, apiKey, maxRetries: 0, ...more })
    }
    chatTests(client, told)
    responseTests(client, told)
    otherTests(client, told)
    soundTests(client, told)
    failureTests(client, told, Client)
  })
}

type MakeClient = (more?: object) => OpenAI

function chatTests(client: MakeClient, told: () => At): void {
  test('chats', async () => {
    const { model } = told()
    const answer = await client().chat.completions.create({ model, messages: user('hi') })
    expect(answer).toMatchObject({ object: 'chat.completion', model })
    expect(answer.choices[0]).toMatchObject({
      finish_reason: 'stop',
      message: { content: SENTENCE },
    })
    expect(answer.usage?.total_tokens).toBeGreaterThan(0)
    expect(answer._request_id).toMatch(/^req_[0-9a-f]{32}$/)
  })

  test('streams, and its helper puts the whole answer together', async () => {
    const { model } = told()
    const stream = client().chat.completions.stream({
      model,
      messages: user('hi'),
      stream_options: { include_usage: true },
    })
    const final = await stream.finalChatCompletion()
    expect(final.choices[0]?.message.content).toBe(SENTENCE)
    expect(final.usage?.completion_tokens).toBeGreaterThan(0)
  })

  test('a stream tells proxies to hold nothing back, and is not compressed', async () => {
    const { model } = told()
    const body = { model, messages: user('hi'), stream: true as const }
    const { data, response } = await client().chat.completions.create(body).withResponse()
    for await (const _ of data);
    expect(response.headers.get('content-type')).toBe('text/event-stream; charset=utf-8')
    expect(response.headers.get('cache-control')).toMatch(/no-(?:cache|store)/)
    expect(response.headers.get('x-accel-buffering')).toBe('no')
    expect(response.headers.get('content-encoding')).toBeNull()
  })

  test('no chunk is without a choice unless usage was asked for', async () => {
    const { model } = told()
    const lengths: number[] = []
    const body = { model, messages: user('hi'), stream: true as const }
    for await (const chunk of await client().chat.completions.create(body)) {
      lengths.push(chunk.choices.length)
      expect(chunk.usage ?? null).toBeNull()
    }
    expect(new Set(lengths)).toEqual(new Set([1]))
  })

  test('calls tools, whole and streamed, and goes on with their results', async () => {
    const { model } = told()
    const tools = [{ type: 'function' as const, function: TOOL }]
    const ask = { model, messages: user('2+3?'), tools, tool_choice: 'auto' as const }
    const whole = await client().chat.completions.create(ask)
    const calls = whole.choices[0]?.message.tool_calls
    expect(whole.choices[0]?.finish_reason).toBe('tool_calls')
    expect(calls).toMatchObject([
      { id: 'call_1', function: { name: 'add', arguments: '{"a":2,"b":3}' } },
    ])
    const streamed = await client().chat.completions.stream(ask).finalChatCompletion()
    expect(streamed.choices[0]?.message.tool_calls).toMatchObject([
      { id: 'call_1', type: 'function', function: { name: 'add', arguments: '{"a":2,"b":3}' } },
    ])
    const after = await client().chat.completions.create({
      ...ask,
      messages: [
        ...ask.messages,
        { role: 'assistant', content: null, tool_calls: calls ?? [] },
        { role: 'tool', tool_call_id: 'call_1', content: '5' },
      ],
    })
    expect(after.choices[0]?.message.content).toBe('The tool says 5.')
  })

  test('gets structured output, parsed', async () => {
    const { model } = told()
    const json_schema = { name: 'person', schema: { ...PERSON_SCHEMA }, strict: true }
    const answer = await client().chat.completions.parse({
      model,
      messages: user('who?'),
      response_format: { type: 'json_schema', json_schema },
    })
    expect(JSON.parse(answer.choices[0]?.message.content ?? '')).toEqual({ name: 'Ada', age: 36 })
  })

  test('everything of a request reaches the engine, known to the API or not', async () => {
    const { model, engine } = told()
    const content = [
      { type: 'text' as const, text: 'hi' },
      {
        type: 'image_url' as const,
        image_url: { url: 'data:image/png;base64,AAAA', detail: 'low' as const },
      },
      { type: 'input_audio' as const, input_audio: { data: 'AAAA', format: 'wav' as const } },
    ]
    const more = {
      messages: [
        { role: 'developer' as const, content: 'x' },
        { role: 'user' as const, content },
      ],
      temperature: 0.3,
      seed: 7,
      stop: ['END'],
      logit_bias: { '5': 1 },
      reasoning_effort: 'low' as const,
      top_k: 5,
      chat_template_kwargs: { enable_thinking: false },
    }
    await client().chat.completions.create({ model, ...more })
    expect(engine.bodies.at(-1)).toMatchObject(more)
  })

  test('several answers cost what all their tokens cost: the bill is the receipt', async () => {
    const { model, payer } = told()
    const bill = async (n: number) => {
      const before = await payer.until('earlier receipts', ({ held }) => held === 0n)
      const { data, response } = await client()
        .chat.completions.create({ model, messages: user('hi'), n })
        .withResponse()
      expect(data.choices).toHaveLength(n)
      const after = await payer.until('the receipt', ({ held }) => held === 0n)
      const usage = usageOf(await payer.receipt(response.headers.get('x-receipt-id') ?? ''))
      expect(before.available - after.available).toBe(costOf(usage))
      expect(data.usage?.completion_tokens).toBe(usage.completion_tokens)
      return usage
    }
    const one = await bill(1)
    const three = await bill(3)
    expect(three.completion_tokens).toBe(3 * one.completion_tokens)
    expect(three.price).toEqual(one.price)
  })

  test('reasoning is in both members, logprobs and n are as asked', async () => {
    const { model } = told()
    const answer = await client().chat.completions.create({
      model,
      messages: user('think'),
      logprobs: true,
      n: 2,
    })
    expect(answer.choices).toHaveLength(2)
    expect(answer.choices[1]).toMatchObject({
      index: 1,
      message: { reasoning: 'Let me see.', reasoning_content: 'Let me see.' },
      logprobs: { content: [{ token: 'Hello', logprob: -0.5 }] },
    })
  })
}

function responseTests(client: MakeClient, told: () => At): void {
  test('responses, whole', async () => {
    const { model } = told()
    const answer = await client().responses.create({ model, input: 'hi', instructions: 'be nice' })
    expect(answer).toMatchObject({ object: 'response', status: 'completed', model, store: false })
    expect(answer.output_text).toBe(SENTENCE)
    expect(answer.usage?.output_tokens).toBeGreaterThan(0)
  })

  test('responses, streamed by the helper', async () => {
    const { model } = told()
    const stream = client().responses.stream({ model, input: 'think' })
    const types = new Set<string>()
    for await (const { type } of stream) types.add(type)
    const final = await stream.finalResponse()
    expect(final.output_text).toBe('So it is.')
    expect(final.output[0]).toMatchObject({ type: 'reasoning', summary: [{ text: 'Let me see.' }] })
    expect([...types]).toContain('response.output_text.delta')
    expect([...types].at(-1)).toBe('response.completed')
  })

  test('responses call functions and go on with their results', async () => {
    const { model } = told()
    const tools = [{ type: 'function' as const, ...TOOL }]
    const input = [{ role: 'user' as const, content: '2+3?' }]
    const asked = await client().responses.stream({ model, input, tools }).finalResponse()
    const [call] = asked.output
    if (call?.type !== 'function_call') throw new Error('no call')
    expect(call).toMatchObject({ name: 'add', arguments: '{"a":2,"b":3}', call_id: 'call_1' })
    const output = { type: 'function_call_output' as const, call_id: call.call_id, output: '5' }
    const { type, call_id, name, arguments: text } = call
    const after = await client().responses.create({
      model,
      input: [...input, { type, call_id, name, arguments: text }, output],
      tools,
    })
    expect(after.output_text).toBe('The tool says 5.')
  })

  test('responses are structured, and incomplete when cut', async () => {
    const { model } = told()
    const format = { type: 'json_schema' as const, name: 'person', schema: { ...PERSON_SCHEMA } }
    const typed = await client().responses.parse({ model, input: 'who?', text: { format } })
    expect(JSON.parse(typed.output_text)).toEqual({ name: 'Ada', age: 36 })
    const cut = await client().responses.create({ model, input: 'hi', max_output_tokens: 2 })
    expect(cut).toMatchObject({
      status: 'incomplete',
      incomplete_details: { reason: 'max_output_tokens' },
    })
  })

  test('responses refuse what would need a store', async () => {
    const { model } = told()
    const asked = client().responses.create({ model, input: 'hi', previous_response_id: 'resp_1' })
    await expect(asked).rejects.toMatchObject({
      status: 400,
      code: 'unsupported_parameter',
      param: 'previous_response_id',
    })
    await expect(client().responses.retrieve('resp_1')).rejects.toMatchObject({ status: 404 })
  })

  test('a response that breaks off throws', async () => {
    const { model } = told()
    const stream = await client().responses.create({ model, input: 'die', stream: true })
    const read = async () => {
      for await (const _ of stream);
    }
    await expect(read()).rejects.toMatchObject({ code: 'engine_failed' })
  })
}

function otherTests(client: MakeClient, told: () => At): void {
  test('embeds: the SDK asks base64 by default and decodes it, floats are the same', async () => {
    const { model } = told()
    const input = ['one', 'two']
    const coded = await client().embeddings.create({ model, input })
    const floats = await client().embeddings.create({ model, input, encoding_format: 'float' })
    expect(coded.data.map(({ embedding }) => embedding)).toEqual([
      Array.from(vectorOf(0)),
      Array.from(vectorOf(1)),
    ])
    expect(floats.data).toEqual(coded.data)
  })

  test.each([
    ['a text', 'one'],
    ['tokens', [1, 2]],
    ['lists of tokens', [[1], [2, 3]]],
  ])('embeds %s, with as many dimensions as asked', async (_, input) => {
    const { model, engine } = told()
    const told4 = await client().embeddings.create({ model, input, dimensions: 4 })
    expect(told4.data[0]?.embedding).toEqual(Array.from(vectorOf(0, 4)))
    expect(engine.bodies.at(-1)).toMatchObject({ input, dimensions: 4 })
  })

  test('embeds a batch that is longer than the context, since each text has it to itself', async () => {
    const { model } = told()
    const input = Array.from({ length: 100 }, () => 'word '.repeat(200))
    const { data } = await client().embeddings.create({ model, input })
    expect(data).toHaveLength(100)
  })

  test('a prompt of more bytes than the context has tokens is for the engine to judge', async () => {
    const { model } = told()
    const body = { model, messages: user('word '.repeat(20_000)) }
    const { choices } = await client().chat.completions.create(body)
    expect(choices[0]?.message.content).toBe(SENTENCE)
  })

  test('completes in the old way, with logprobs in their old shape', async () => {
    const { model } = told()
    const answer = await client().completions.create({ model, prompt: 'Hi', logprobs: 1 })
    expect(answer).toMatchObject({ object: 'text_completion', choices: [{ text: 'Hi' }] })
    expect(answer.choices[0]?.logprobs).toEqual({
      tokens: ['Hi'],
      token_logprobs: [-0.5],
      top_logprobs: [{ Hi: -0.5 }],
      text_offset: [0],
    })
    let text = ''
    const body = { model, prompt: 'Hi', stream: true as const }
    for await (const chunk of await client().completions.create(body))
      text += chunk.choices[0]?.text
    expect(text).toBe('Hi')
  })

  test('lists models and finds one whose id has a slash', async () => {
    const { model } = told()
    const ids: string[] = []
    for await (const { id } of client().models.list()) ids.push(id)
    expect(ids).toContain(model)
    const found = await client().models.retrieve(model)
    expect(found).toMatchObject({ id: model, object: 'model' })
    expect(found).toMatchObject({
      endpoints: expect.arrayContaining(['/v1/responses', '/v1/messages']),
      supported_parameters: expect.arrayContaining(['tools', 'response_format', 'n']),
    })
  })

  test.each(['', '/', '/v1/', '/v1//'])('a base URL that ends in %j works', async (end) => {
    const { model, baseURL } = told()
    const other = client({ baseURL: baseURL.replace(/\/v1$/, end) })
    const answer = await other.chat.completions.create({ model, messages: user('hi') })
    expect(answer.choices[0]?.message.content).toBe(SENTENCE)
  })
}

/** A recording as its engine reads it: what it says of itself, and some sound. */
const recording = (words: string) =>
  new File([`RIFF\r\n--x\r\n${words}`, new Uint8Array(8_000)], 'a "b".wav')

function soundTests(client: MakeClient, told: () => At): void {
  test('transcribes: charged by seconds where the engine tells seconds', async () => {
    const { model, engine, apiKey, baseURL } = told()
    const { data, response } = await client()
      .audio.transcriptions.create({
        model,
        file: recording('seconds=7'),
        language: 'en',
        temperature: 0.5,
        timestamp_granularities: ['word'],
      })
      .withResponse()
    expect(data.text).toBe(SPOKEN)
    expect(data.usage).toMatchObject({ type: 'tokens', input_tokens: 700, output_tokens: 0 })
    expect(engine.bodies.at(-1)).toMatchObject({
      model: [ENGINE_MODEL],
      language: ['en'],
      temperature: ['0.5'],
      'timestamp_granularities[]': ['word'],
      file: ['a "b".wav', expect.any(String), `RIFF\r\n--x\r\nseconds=7${'\0'.repeat(8_000)}`],
    })
    const id = response.headers.get('x-receipt-id') ?? ''
    const receipt = await fetch(`${baseURL}/aci/receipts/${id}`, {
      headers: { authorization: `Bearer ${apiKey}` },
    })
    expect(usageOf(await receipt.json())).toMatchObject({
      prompt_tokens: 700,
      completion_tokens: 0,
    })
  })

  test('transcribes in detail', async () => {
    const { model } = told()
    const file = recording('seconds=3')
    const format = { model, file, response_format: 'verbose_json' } as const
    const answer = await client().audio.transcriptions.create(format)
    expect(answer).toMatchObject({ text: SPOKEN, language: 'en', duration: 3, segments: [] })
  })

  test('streams a transcription in OpenAI’s events, whatever the engine’s', async () => {
    const { model } = told()
    const body = { model, file: recording('seconds=2'), stream: true } as const
    const deltas: string[] = []
    const ends: unknown[] = []
    for await (const event of await client().audio.transcriptions.create(body)) {
      if (event.type === 'transcript.text.delta') deltas.push(event.delta)
      else ends.push(event)
    }
    expect(deltas).toHaveLength(4)
    expect(ends).toMatchObject([
      {
        type: 'transcript.text.done',
        text: deltas.join(''),
        usage: { input_tokens: 200, output_tokens: 4 },
      },
    ])
    expect(deltas.join('')).toBe(SPOKEN)
  })

  test('a transcription that breaks off throws', async () => {
    const { model } = told()
    const body = { model, file: recording('die'), stream: true } as const
    const read = async () => {
      for await (const _ of await client().audio.transcriptions.create(body));
    }
    await expect(read()).rejects.toThrow('broke')
  })

  test.each([
    ['a format that is no JSON', { response_format: 'srt' as const }, 'response_format'],
    ['a recording that is empty', { file: new File([], 'a.wav') }, null],
  ])('refuses %s', async (_, more, param) => {
    const { model } = told()
    const asked = client().audio.transcriptions.create({ model, file: recording('x'), ...more })
    await expect(asked).rejects.toMatchObject({ status: 400, param })
  })

  test('charges no more for a transcription than its bytes can hold', async () => {
    const { model } = told()
    const file = recording('seconds=100000')
    const { usage } = await client().audio.transcriptions.create({ model, file })
    // Some 9,000 bytes of form at 400 a second.
    expect(usage).toMatchObject({ input_tokens: expect.closeTo(2_300, -3) })
  })

  test('charges nothing for a transcription whose length nobody tells', async () => {
    const { model, payer } = told()
    const before = await payer.read()
    const asked = client().audio.transcriptions.create({ model, file: recording('no usage') })
    await expect(asked).rejects.toMatchObject({ status: 502, code: 'engine_no_usage' })
    await until(
      'it is settled',
      () => payer.read(),
      ({ held }) => held === 0n,
    )
    expect((await payer.read()).available).toBe(before.available)
  })
}

function failureTests(client: MakeClient, told: () => At, Client: typeof OpenAI): void {
  test('raises AuthenticationError for a wrong key', async () => {
    const { model } = told()
    const asked = client({ apiKey: 'sk-coc-wrong' }).chat.completions.create({
      model,
      messages: user('hi'),
    })
    await expect(asked).rejects.toBeInstanceOf(Client.AuthenticationError)
    await expect(asked).rejects.toMatchObject({ status: 401, code: 'invalid_api_key' })
  })

  test('asks once when the account is empty: 402', async () => {
    const { model, poorKey } = told()
    let asked = 0
    const counting = (url: string | URL | Request, init?: RequestInit) => {
      asked++
      return fetch(url, init)
    }
    const poor = client({ apiKey: poorKey, maxRetries: 2, fetch: counting })
    await expect(
      poor.chat.completions.create({ model, messages: user('hi') }),
    ).rejects.toMatchObject({ status: 402, code: 'insufficient_credits' })
    expect(asked).toBe(1)
  })

  test('asks once for what cannot succeed later', async () => {
    const { model, apiKey, baseURL } = told()
    const made = await fetch(`${baseURL}/keys`, {
      method: 'POST',
      headers: { authorization: `Bearer ${apiKey}` },
      body: '{"sealed_only":true}',
    })
    const { key } = await made.json()
    const chat = { model, messages: user('hi') }
    const once = { 'Idempotency-Key': `once-${Math.random()}` }
    await client().chat.completions.create(chat, { headers: once })
    const statuses: number[] = []
    const counting = async (url: string | URL | Request, init?: RequestInit) => {
      const response = await fetch(url, init)
      statuses.push(response.status)
      return response
    }
    const patient = (more: object = {}) => client({ maxRetries: 2, fetch: counting, ...more })
    const asked: readonly (() => Promise<unknown>)[] = [
      async () => patient().chat.completions.create({ ...chat, n: 0 }),
      async () => patient({ apiKey: 'sk-coc-wrong' }).chat.completions.create(chat),
      async () => patient({ apiKey: key }).chat.completions.create(chat),
      async () => patient().chat.completions.create({ ...chat, model: 'none' }),
      async () => patient().chat.completions.create(chat, { headers: once }),
      async () => patient().files.list(),
    ]
    for (const ask of asked) await expect(ask()).rejects.toBeInstanceOf(Client.APIError)
    expect(statuses).toEqual([400, 401, 403, 404, 409, 501])
  })

  test('raises NotFoundError for an unknown model, BadRequestError for a bad parameter', async () => {
    const { model } = told()
    const unknown = client().chat.completions.create({ model: 'none', messages: user('hi') })
    await expect(unknown).rejects.toBeInstanceOf(Client.NotFoundError)
    await expect(unknown).rejects.toMatchObject({ code: 'model_not_found', param: 'model' })
    const bad = client().chat.completions.create({ model, messages: user('hi'), n: 0 })
    await expect(bad).rejects.toBeInstanceOf(Client.BadRequestError)
    await expect(bad).rejects.toMatchObject({ param: 'n' })
  })

  test('a part of the API that is not there is told as JSON', async () => {
    await expect(client().files.list()).rejects.toMatchObject({
      status: 501,
      code: 'not_implemented',
    })
  })

  test('retries by itself what may succeed later', async () => {
    const { model } = told()
    const text = `fail 1 503 ${Math.random()}`
    const answer = await client({ maxRetries: 2 }).chat.completions.create({
      model,
      messages: user(text),
    })
    expect(answer.choices[0]?.message.content).toBe(SENTENCE)
  })

  test('a stream that breaks off throws, and is not taken for an end', async () => {
    const { model } = told()
    const body = { model, messages: user('die'), stream: true as const }
    const stream = await client().chat.completions.create(body)
    const read = async () => {
      for await (const _ of stream);
    }
    await expect(read()).rejects.toMatchObject({ code: 'engine_failed' })
  })

  test('an abort stops the engine, and what was produced is paid', async () => {
    const { model, engine, payer } = told()
    const before = await payer.until('nothing is open', ({ held }) => held === 0n)
    const aborted = engine.aborted
    const body = { model, messages: user('forever'), stream: true as const, max_tokens: 50_000 }
    for await (const chunk of await client().chat.completions.create(body)) {
      if (chunk.choices[0]?.delta.content?.startsWith('on')) break
    }
    await until(
      'the engine is stopped',
      async () => engine.aborted,
      (now) => now > aborted,
    )
    const after = await payer.until('the receipt', ({ held }) => held === 0n)
    expect(after.available).toBeLessThan(before.available)
  })
}
