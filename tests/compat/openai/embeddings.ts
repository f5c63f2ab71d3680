import { expect, test } from 'vitest'
import { vectorOf } from '../../support/engine-server.ts'
import type { At, MakeClient } from '../at.ts'

export function embeddingTests(client: MakeClient, told: () => At): void {
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
}
