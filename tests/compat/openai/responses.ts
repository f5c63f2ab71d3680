import { expect, test } from 'vitest'
import { ADD_SCHEMA, type At, type MakeClient, PERSON_SCHEMA, SENTENCE } from '../at.ts'

const TOOL = { name: 'add', description: 'adds', parameters: { ...ADD_SCHEMA }, strict: true }

export function responseTests(client: MakeClient, told: () => At): void {
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
