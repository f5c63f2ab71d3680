import { expect, test } from 'vitest'
import { costOf, usageOf } from '../../support/stranger.ts'
import { ADD_SCHEMA, type At, type MakeClient, PERSON_SCHEMA, SENTENCE } from '../at.ts'

const user = (content: string) => [{ role: 'user' as const, content }]
const TOOL = { name: 'add', description: 'adds', parameters: { ...ADD_SCHEMA }, strict: true }

export function chatTests(client: MakeClient, told: () => At): void {
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

  test('a prompt of more bytes than the context has tokens is for the engine to judge', async () => {
    const { model } = told()
    const body = { model, messages: user('word '.repeat(20_000)) }
    const { choices } = await client().chat.completions.create(body)
    expect(choices[0]?.message.content).toBe(SENTENCE)
  })

  test.each(['', '/', '/v1/', '/v1//'])('a base URL that ends in %j works', async (end) => {
    const { model, baseURL } = told()
    const other = client({ baseURL: baseURL.replace(/\/v1$/, end) })
    const answer = await other.chat.completions.create({ model, messages: user('hi') })
    expect(answer.choices[0]?.message.content).toBe(SENTENCE)
  })
}
