import { describe, expect, test } from 'vitest'
import { inferencePath } from './endpoints.ts'
import { readAsk } from './read-ask.ts'

const CHAT = '/v1/chat/completions'
const ask = (body: object, path: Parameters<typeof readAsk>[0] = CHAT) => {
  const text = JSON.stringify({ model: 'm', ...body })
  return readAsk(path, text, text.length)
}

describe('what moves the price of a plain request', () => {
  test('every byte may be a token, and the template adds some', () => {
    const text = '{"model":"m"}'
    expect(readAsk(CHAT, text, 1_000).promptBound).toBe(1_064)
  })

  test.each([
    ['messages', { messages: [{ role: 'user', content: [{ type: 'image_url', image_url: {} }] }] }],
    ['recordings', { messages: [{ content: [{ type: 'input_audio', input_audio: {} }] }] }],
    ['responses', { input: [{ content: [{ type: 'input_image', detail: 'high' }] }] }],
    ['Anthropic', { messages: [{ content: [{ type: 'image', source: {} }] }] }],
  ])('a picture counts apart: %s', (_, body) => {
    expect(ask(body).promptBound).toBeGreaterThan(16_384)
  })

  test('n, best_of and batches multiply', () => {
    expect(ask({ n: 3 }).choices).toBe(3)
    expect(ask({ n: 2, best_of: 5 }, '/v1/completions').choices).toBe(5)
    expect(ask({ prompt: ['a', 'b'], n: 2 }, '/v1/completions').choices).toBe(4)
    expect(ask({ prompt: [1, 2, 3] }, '/v1/completions').choices).toBe(1)
    expect(ask({ input: ['a', 'b'] }, '/v1/embeddings').choices).toBe(1)
  })

  test.each([
    [CHAT, { max_tokens: 5, max_completion_tokens: 7 }, 7],
    [CHAT, { max_tokens: 5 }, 5],
    [CHAT, { max_tokens: null }, undefined],
    ['/v1/completions', {}, 16],
    ['/v1/responses', { max_output_tokens: 9 }, 9],
    ['/v1/embeddings', {}, 0],
  ] as const)('%s %o bounds an answer', (path, body, most) => {
    expect(ask(body, path).maxTokens).toBe(most)
  })

  test('unknown members are nobody’s business', () => {
    expect(() => ask({ top_k: 3, chat_template_kwargs: {}, provider: 'x' })).not.toThrow()
  })

  test('nesting without end is counted without end of stack', () => {
    const deep = `{"model":"m","messages":${'[{"content":'.repeat(5_000)}1${'}]'.repeat(5_000)}}`
    expect(readAsk(CHAT, deep, deep.length).choices).toBe(1)
  })
})

test('a price ceiling is in TON per million tokens, exactly', () => {
  const { maxPrice } = ask({
    provider: { max_price: { prompt: '0.0000001', completion: 2 } },
  }).preferences
  expect(maxPrice).toEqual({ input: 100n, output: 2_000_000_000n })
})

test.each([
  ['/v1/chat/completions', CHAT],
  ['/chat/completions/', CHAT],
  ['/v1/v1/chat/completions', undefined],
  ['/constructor', undefined],
  ['/v1/models', undefined],
])('the path %s means %s', (path, meant) => {
  expect(inferencePath(path)).toBe(meant)
})
