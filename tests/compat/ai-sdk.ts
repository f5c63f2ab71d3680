import { createOpenAI } from '@ai-sdk/openai'
import { createOpenAICompatible } from '@ai-sdk/openai-compatible'
import {
  APICallError,
  embedMany,
  generateText,
  isStepCount,
  jsonSchema,
  type LanguageModel,
  Output,
  streamText,
  tool,
} from 'ai'
import { describe, expect, test } from 'vitest'
import { vectorOf } from '../support/engine-server.ts'
import { ADD_SCHEMA, type At, PERSON_SCHEMA, SENTENCE } from './at.ts'

interface Provider {
  readonly name: string
  readonly model: (at: At, changes?: { model?: string; apiKey?: string }) => LanguageModel
}

const PROVIDERS: readonly Provider[] = [
  {
    name: '@ai-sdk/openai (Responses)',
    model: ({ baseURL, apiKey, model }, changes = {}) =>
      createOpenAI({ baseURL, apiKey: changes.apiKey ?? apiKey })(changes.model ?? model),
  },
  {
    name: '@ai-sdk/openai (chat)',
    model: ({ baseURL, apiKey, model }, changes = {}) =>
      createOpenAI({ baseURL, apiKey: changes.apiKey ?? apiKey }).chat(changes.model ?? model),
  },
  {
    name: '@ai-sdk/openai-compatible',
    model: ({ baseURL, apiKey, model }, changes = {}) =>
      createOpenAICompatible({
        name: 'cocoon',
        baseURL,
        apiKey: changes.apiKey ?? apiKey,
        includeUsage: true,
        supportsStructuredOutputs: true,
      })(changes.model ?? model),
  },
]

/** The Vercel AI SDK over each of its providers that speak OpenAI's APIs. */
export function aiSdkSuite(told: () => At): void {
  describe.each(PROVIDERS)('the Vercel AI SDK over $name', (provider) => {
    const model = (changes?: { model?: string; apiKey?: string }) => provider.model(told(), changes)

    test('completes, with usage', async () => {
      const { text, usage, finishReason } = await generateText({ model: model(), prompt: 'hi' })
      expect(text).toBe(SENTENCE)
      expect(finishReason).toBe('stop')
      expect(usage.outputTokens).toBeGreaterThan(0)
    })

    test('streams, with usage', async () => {
      const result = streamText({ model: model(), prompt: 'hi' })
      const parts: string[] = []
      for await (const part of result.textStream) parts.push(part)
      expect(parts.length).toBeGreaterThan(3)
      expect(parts.join('')).toBe(SENTENCE)
      expect((await result.usage).outputTokens).toBeGreaterThan(0)
    })

    test.each(['whole', 'streamed'])('runs a tool, %s', async (how) => {
      const add = tool({
        description: 'adds',
        inputSchema: jsonSchema<{ a: number; b: number }>({ ...ADD_SCHEMA }),
        execute: async ({ a, b }) => String(a + b),
      })
      const ask = { model: model(), prompt: '2+3?', tools: { add }, stopWhen: isStepCount(3) }
      const text = how === 'whole' ? (await generateText(ask)).text : await streamText(ask).text
      expect(text).toBe('The tool says 5.')
    })

    test('gets structured output', async () => {
      const schema = jsonSchema<{ name: string; age: number }>({ ...PERSON_SCHEMA })
      const result = await generateText({
        model: model(),
        prompt: 'who?',
        output: Output.object({ schema }),
      })
      expect(result.output).toEqual({ name: 'Ada', age: 36 })
    })

    test.each([
      ['a wrong key', { apiKey: 'sk-coc-wrong' }, 401],
      ['an unknown model', { model: 'none' }, 404],
    ])('raises its own error for %s', async (_, changes, statusCode) => {
      const asked = generateText({ model: model(changes), prompt: 'hi', maxRetries: 0 })
      await expect(asked).rejects.toSatisfy(APICallError.isInstance)
      await expect(asked).rejects.toMatchObject({ statusCode })
    })

    test('an empty account is asked for once: 402', async () => {
      const asked = generateText({ model: model({ apiKey: told().poorKey }), prompt: 'hi' })
      await expect(asked).rejects.toMatchObject({ statusCode: 402, isRetryable: false })
    })

    test('retries by itself what may succeed later', async () => {
      const prompt = `fail 1 503 ${Math.random()}`
      expect((await generateText({ model: model(), prompt, maxRetries: 2 })).text).toBe(SENTENCE)
    })

    test('a stream that breaks off is an error', async () => {
      const errors: unknown[] = []
      const onError = ({ error }: { error: unknown }): void => {
        errors.push(error)
      }
      const result = streamText({ model: model(), prompt: 'die', onError })
      await result.consumeStream()
      expect(errors.length).toBeGreaterThan(0)
    })

    test('an abort stops the stream', async () => {
      const stop = new AbortController()
      const result = streamText({ model: model(), prompt: 'forever', abortSignal: stop.signal })
      const kinds: string[] = []
      for await (const part of result.fullStream) {
        kinds.push(part.type)
        if (part.type === 'text-delta') stop.abort()
      }
      expect(kinds.at(-1)).toBe('abort')
    })
  })

  test('the Vercel AI SDK shows reasoning, from chat and from Responses', async () => {
    for (const { model } of [PROVIDERS[0], PROVIDERS[2]].filter((one) => one !== undefined)) {
      const { reasoningText, text } = await generateText({ model: model(told()), prompt: 'think' })
      expect({ reasoningText, text }).toEqual({ reasoningText: 'Let me see.', text: 'So it is.' })
    }
  })

  test('the Vercel AI SDK embeds', async () => {
    const { baseURL, apiKey, model } = told()
    const provider = createOpenAI({ baseURL, apiKey })
    const { embeddings } = await embedMany({
      model: provider.embedding(model),
      values: ['one', 'two'],
    })
    expect(embeddings).toEqual([Array.from(vectorOf(0)), Array.from(vectorOf(1))])
  })
}
