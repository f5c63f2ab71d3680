import { createOpenAI } from '@ai-sdk/openai'
import Anthropic from '@anthropic-ai/sdk'
import { ChatOpenAI } from '@langchain/openai'
import { streamText } from 'ai'
import OpenAI from 'openai'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import type { Runner } from '#enclave-runner/main.ts'
import { MODEL, startTestWorld, type TestAccount, type TestWorld } from '#gateway/testing/world.ts'
import { type EngineServer, startEngineServer } from '../support/engine-server.ts'
import { awaitAvailable, startRealRunner } from '../support/real-runner.ts'
import { SENTENCE } from './at.ts'

/** What a client is told while the engine behind its stream is silent. */
let engine: EngineServer
let world: TestWorld
let runner: Runner
let account: TestAccount

/** Longer than any stream may be silent. */
const SILENCE_MS = 20_000
const COMMENT = ': keep-alive\n\n'
const FUNDS = 1_000_000_000n
const PROMPT = 'pause'

beforeAll(async () => {
  engine = await startEngineServer()
  world = await startTestWorld()
  runner = await startRealRunner(world.tee, [world.gateway.origin], {
    engine: { kind: 'openai-url', url: engine.url, apiKey: undefined, engineModel: undefined },
  })
  await awaitAvailable(world.gateway.origin, 1)
  account = await world.account(FUNDS)
  // Intervals begun from here on pass by hand; every other timer is real.
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
})
afterAll(async () => {
  vi.useRealTimers()
  await runner?.close(0)
  await world?.close()
  await engine?.close()
})

let comments = 0
afterEach(() => {
  comments = 0
})

/** As an SDK fetches, but the time of a silence passes at the first words, and the engine goes on at a comment. */
const watched: typeof fetch = async (url, init) => {
  const response = await fetch(url, init)
  let text = ''
  let isSilent = false
  const decoder = new TextDecoder()
  const watch = new TransformStream<Uint8Array, Uint8Array>({
    transform(part, controller) {
      text += decoder.decode(part, { stream: true })
      controller.enqueue(part)
      if (!isSilent && text.includes('Hello')) {
        isSilent = true
        vi.advanceTimersByTime(SILENCE_MS)
      }
      comments = text.split(COMMENT).length - 1
      if (comments > 0) engine.resume()
    },
  })
  const { status, headers } = response
  return new Response(response.body?.pipeThrough(watch), { status, headers })
}

const baseURL = (): string => `${world.gateway.origin}/v1`

type Ask = () => Promise<string>

/** Each gives back the text that its client put together. */
const CLIENTS: readonly (readonly [string, Ask])[] = [
  [
    'openai, chat',
    async () => {
      const client = new OpenAI({ baseURL: baseURL(), apiKey: account.key, fetch: watched })
      const messages = [{ role: 'user' as const, content: PROMPT }]
      const stream = client.chat.completions.stream({ model: MODEL, messages })
      return (await stream.finalChatCompletion()).choices[0]?.message.content ?? ''
    },
  ],
  [
    'openai, responses',
    async () => {
      const client = new OpenAI({ baseURL: baseURL(), apiKey: account.key, fetch: watched })
      const stream = client.responses.stream({ model: MODEL, input: PROMPT })
      return (await stream.finalResponse()).output_text
    },
  ],
  [
    'Anthropic',
    async () => {
      const client = new Anthropic({
        baseURL: world.gateway.origin,
        apiKey: account.key,
        fetch: watched,
      })
      const messages = [{ role: 'user' as const, content: PROMPT }]
      return client.messages.stream({ model: MODEL, max_tokens: 100, messages }).finalText()
    },
  ],
  [
    'the Vercel AI SDK',
    async () => {
      const provider = createOpenAI({ baseURL: baseURL(), apiKey: account.key, fetch: watched })
      return streamText({ model: provider.chat(MODEL), prompt: PROMPT }).text
    },
  ],
  [
    'LangChain',
    async () => {
      const chat = new ChatOpenAI({
        model: MODEL,
        apiKey: account.key,
        configuration: { baseURL: baseURL(), fetch: watched },
      })
      let text = ''
      for await (const chunk of await chat.stream(PROMPT)) text += chunk.text
      return text
    },
  ],
]

describe('while the engine is silent, comments keep the stream, and the client skips them', () => {
  test.each(CLIENTS)('%s', async (_, ask) => {
    expect(await ask()).toBe(SENTENCE)
    expect(comments).toBeGreaterThan(0)
  })
})
