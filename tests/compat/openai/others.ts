import { expect, test } from 'vitest'
import { vectorOf } from '../../support/engine-server.ts'
import { type At, type MakeClient, SENTENCE } from '../at.ts'

const user = (content: string) => [{ role: 'user' as const, content }]

export function otherTests(client: MakeClient, told: () => At): void {
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
