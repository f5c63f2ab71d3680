import { ToolMessage } from '@langchain/core/messages'
import { ChatOpenAI, OpenAIEmbeddings } from '@langchain/openai'
import { describe, expect, test } from 'vitest'
import { vectorOf } from '../support/engine-server.ts'
import { ADD_SCHEMA, type At, PERSON_SCHEMA, SENTENCE } from './at.ts'

/** LangChain, over chat and over Responses. */
export function langchainSuite(told: () => At): void {
  describe.each([false, true])('@langchain/openai, Responses: %s', (useResponsesApi) => {
    const chat = (more: object = {}) => {
      const { baseURL, apiKey, model } = told()
      const configuration = { baseURL }
      return new ChatOpenAI({
        model,
        apiKey,
        configuration,
        useResponsesApi,
        maxRetries: 0,
        ...more,
      })
    }

    test('invokes', async () => {
      const answer = await chat().invoke('hi')
      expect(answer.text).toBe(SENTENCE)
      expect(answer.usage_metadata).toMatchObject({ output_tokens: expect.any(Number) })
    })

    test('streams', async () => {
      const parts: string[] = []
      for await (const chunk of await chat().stream('hi')) parts.push(chunk.text)
      expect(parts.join('')).toBe(SENTENCE)
    })

    test('calls a tool and goes on with its result', async () => {
      const add = {
        type: 'function' as const,
        function: { name: 'add', description: 'adds', parameters: { ...ADD_SCHEMA } },
      }
      const bound = chat().bindTools([add])
      const asked = await bound.invoke('2+3?')
      expect(asked.tool_calls).toMatchObject([{ name: 'add', args: { a: 2, b: 3 }, id: 'call_1' }])
      const result = new ToolMessage({ content: '5', tool_call_id: 'call_1' })
      const after = await bound.invoke([{ role: 'user', content: '2+3?' }, asked, result])
      expect(after.text).toBe('The tool says 5.')
    })

    test('gets structured output', async () => {
      const typed = chat().withStructuredOutput(
        { title: 'person', ...PERSON_SCHEMA },
        {
          method: 'jsonSchema',
        },
      )
      expect(await typed.invoke('who?')).toEqual({ name: 'Ada', age: 36 })
    })

    test.each([
      ['a wrong key', () => ({ apiKey: 'sk-coc-wrong' }), 401],
      ['an empty account', () => ({ apiKey: told().poorKey }), 402],
      ['an unknown model', () => ({ model: 'none' }), 404],
      [
        'a bad parameter',
        () => ({ modelKwargs: { max_completion_tokens: 0, max_output_tokens: 0 } }),
        400,
      ],
    ])('raises %s', async (_, more, status) => {
      await expect(chat(more()).invoke('hi')).rejects.toMatchObject({ status })
    })

    test('retries by itself what may succeed later', async () => {
      const answer = await chat({ maxRetries: 2 }).invoke(`fail 1 503 ${Math.random()}`)
      expect(answer.text).toBe(SENTENCE)
    })

    test('a stream that breaks off throws', async () => {
      const read = async () => {
        for await (const _ of await chat().stream('die'));
      }
      await expect(read()).rejects.toThrow()
    })

    test('an abort stops the stream', async () => {
      const stop = new AbortController()
      const read = async () => {
        for await (const _ of await chat().stream('forever', { signal: stop.signal })) stop.abort()
      }
      await expect(read()).rejects.toThrow(/abort/i)
    })
  })

  test('@langchain/openai embeds, by base64 as it asks', async () => {
    const { baseURL, apiKey, model } = told()
    const embeddings = new OpenAIEmbeddings({ model, apiKey, configuration: { baseURL } })
    expect(await embeddings.embedDocuments(['one', 'two'])).toEqual([
      Array.from(vectorOf(0)),
      Array.from(vectorOf(1)),
    ])
  })
}
