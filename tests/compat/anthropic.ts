import Anthropic from '@anthropic-ai/sdk'
import { describe, expect, test } from 'vitest'
import { until } from '../support/account.ts'
import { ADD_SCHEMA, type At, SENTENCE } from './at.ts'

/** Anthropic's own package over /v1/messages. Its base URL has no /v1. */
export function anthropicSuite(told: () => At): void {
  describe('@anthropic-ai/sdk', () => {
    const client = (more: object = {}) => {
      const { baseURL, apiKey } = told()
      return new Anthropic({
        baseURL: baseURL.replace(/\/v1$/, ''),
        apiKey,
        maxRetries: 0,
        ...more,
      })
    }
    const ask = (content: string) => ({
      model: told().model,
      max_tokens: 100,
      messages: [{ role: 'user' as const, content }],
    })

    test('gets a message', async () => {
      const answer = await client().messages.create({
        ...ask('hi'),
        system: 'be nice',
        ...{ top_k: 5 },
      })
      expect(answer).toMatchObject({
        type: 'message',
        stop_reason: 'end_turn',
        model: told().model,
      })
      expect(answer.content).toMatchObject([{ type: 'text', text: SENTENCE }])
      expect(answer.usage.output_tokens).toBeGreaterThan(0)
      expect(told().engine.bodies.at(-1)).toMatchObject({
        top_k: 5,
        messages: [
          { role: 'system', content: 'be nice' },
          { role: 'user', content: 'hi' },
        ],
      })
    })

    test('a base URL that ends in /v1 works', async () => {
      const answer = await client({ baseURL: told().baseURL }).messages.create(ask('hi'))
      expect(answer.content).toMatchObject([{ type: 'text', text: SENTENCE }])
    })

    test('streams thinking and text', async () => {
      const final = await client().messages.stream(ask('think')).finalMessage()
      expect(final.content).toMatchObject([
        { type: 'thinking', thinking: 'Let me see.' },
        { type: 'text', text: 'So it is.' },
      ])
      expect(final.stop_reason).toBe('end_turn')
      expect(final.usage.output_tokens).toBeGreaterThan(0)
    })

    test.each(['whole', 'streamed'])(
      'uses a tool, %s, and goes on with its result',
      async (how) => {
        const tools = [
          {
            name: 'add',
            description: 'adds',
            input_schema: { ...ADD_SCHEMA, required: ['a', 'b'] },
          },
        ]
        const body = { ...ask('2+3?'), tools }
        const asked =
          how === 'whole'
            ? await client().messages.create(body)
            : await client().messages.stream(body).finalMessage()
        expect(asked.stop_reason).toBe('tool_use')
        expect(asked.content).toMatchObject([
          { type: 'tool_use', name: 'add', input: { a: 2, b: 3 } },
        ])
        const [call] = asked.content
        if (call?.type !== 'tool_use') throw new Error('no tool use')
        const result = { type: 'tool_result' as const, tool_use_id: call.id, content: '5' }
        const after = await client().messages.create({
          ...body,
          messages: [
            ...body.messages,
            { role: 'assistant', content: asked.content },
            { role: 'user', content: [result] },
          ],
        })
        expect(after.content).toMatchObject([{ text: 'The tool says 5.' }])
      },
    )

    test('sends a picture as data', async () => {
      const source = { type: 'base64' as const, media_type: 'image/png' as const, data: 'AAAA' }
      const content = [
        { type: 'image' as const, source },
        { type: 'text' as const, text: 'hi' },
      ]
      await client().messages.create({ ...ask(''), messages: [{ role: 'user', content }] })
      expect(told().engine.bodies.at(-1).messages[0].content[0]).toEqual({
        type: 'image_url',
        image_url: { url: 'data:image/png;base64,AAAA' },
      })
    })

    test('a picture at an address is refused: the enclave fetches nothing', async () => {
      const source = { type: 'url' as const, url: 'http://127.0.0.1:1/x.png' }
      const messages = [{ role: 'user' as const, content: [{ type: 'image' as const, source }] }]
      await expect(client().messages.create({ ...ask(''), messages })).rejects.toMatchObject({
        status: 400,
        type: 'invalid_request_error',
      })
    })

    test('counts tokens, for nothing', async () => {
      const { model, payer, engine } = told()
      const idle = () =>
        until(
          'nothing is held',
          () => payer.read(),
          ({ held }) => held === 0n,
        )
      // What was asked before may still be settled.
      const { available, settled } = await idle()
      const answers = engine.bodies.length
      const count = await client().messages.countTokens({
        model,
        system: 'be nice',
        messages: [{ role: 'user', content: 'one two three' }],
        tools: [
          {
            name: 'add',
            description: 'adds',
            input_schema: { ...ADD_SCHEMA, required: [...ADD_SCHEMA.required] },
          },
        ],
      })
      expect(count.input_tokens).toBe(3 + 4 + 10)
      expect(await idle()).toMatchObject({ available, settled })
      expect(engine.bodies).toHaveLength(answers)
    })

    test('a count is refused where it could not be exact, and to an account without money', async () => {
      const { model, poorKey } = told()
      const source = { type: 'base64', media_type: 'image/png', data: 'iVBORw0KGgo=' } as const
      const picture = { role: 'user' as const, content: [{ type: 'image' as const, source }] }
      const asked = client().messages.countTokens({ model, messages: [picture] })
      await expect(asked).rejects.toMatchObject({ status: 400 })
      const url = { type: 'url', url: 'https://example.com/a.png' } as const
      const remote = { role: 'user' as const, content: [{ type: 'image' as const, source: url }] }
      const fetched = client().messages.countTokens({ model, messages: [remote] })
      await expect(fetched).rejects.toMatchObject({ status: 400 })
      const messages = [{ role: 'user' as const, content: 'hi' }]
      const poor = client({ apiKey: poorKey }).messages.countTokens({ model, messages })
      await expect(poor).rejects.toMatchObject({ status: 402, type: 'billing_error' })
    })

    test('is cut at max_tokens', async () => {
      const answer = await client().messages.create({ ...ask('hi'), max_tokens: 2 })
      expect(answer.stop_reason).toBe('max_tokens')
    })

    test.each([
      [
        'a wrong key',
        { apiKey: 'sk-coc-wrong' },
        {},
        Anthropic.AuthenticationError,
        401,
        'authentication_error',
      ],
      ['an unknown model', {}, { model: 'none' }, Anthropic.NotFoundError, 404, 'not_found_error'],
      [
        'a bad parameter',
        {},
        { max_tokens: 0 },
        Anthropic.BadRequestError,
        400,
        'invalid_request_error',
      ],
      [
        'a hosted tool',
        {},
        { tools: [{ type: 'bash_20250124', name: 'bash' }] },
        Anthropic.BadRequestError,
        400,
        'invalid_request_error',
      ],
    ])('raises its own error for %s', async (_, more, body, kind, status, type) => {
      const asked = client(more).messages.create({ ...ask('hi'), ...(body as object) })
      await expect(asked).rejects.toBeInstanceOf(kind)
      await expect(asked).rejects.toMatchObject({ status, type })
    })

    test('an empty account is a billing error', async () => {
      const asked = client({ apiKey: told().poorKey, maxRetries: 2 }).messages.create(ask('hi'))
      await expect(asked).rejects.toMatchObject({ status: 402, type: 'billing_error' })
    })

    test('retries by itself what may succeed later', async () => {
      const answer = await client({ maxRetries: 2 }).messages.create(
        ask(`fail 1 503 ${Math.random()}`),
      )
      expect(answer.content).toMatchObject([{ text: SENTENCE }])
    })

    test('a stream that breaks off throws', async () => {
      await expect(client().messages.stream(ask('die')).finalMessage()).rejects.toBeInstanceOf(
        Anthropic.APIError,
      )
    })

    test('an abort stops the engine', async () => {
      const { engine } = told()
      const aborted = engine.aborted
      const stream = client().messages.stream(ask('forever'))
      stream.on('text', () => stream.abort())
      await expect(stream.done()).rejects.toBeInstanceOf(Anthropic.APIUserAbortError)
      await until(
        'the engine is stopped',
        async () => engine.aborted,
        (now) => now > aborted,
      )
    })
  })
}
