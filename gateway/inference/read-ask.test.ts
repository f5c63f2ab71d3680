import { describe, expect, test } from 'vitest'
import { MEDIA_CASES } from '#base/testing/media-cases.ts'
import { inferencePath } from './endpoints.ts'
import { NO_PREFERENCES } from './preferences.ts'
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

  test.each(MEDIA_CASES)('%s: %i media count beside the bytes', (_, media, body) => {
    const text = JSON.stringify({ model: 'm', ...body })
    const beyond = readAsk(CHAT, text, text.length).promptBound - text.length
    expect(Math.floor(beyond / 16_384)).toBe(media)
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
    expect(() => ask({ top_k: 3, chat_template_kwargs: {}, provider: null })).not.toThrow()
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

describe('a wish about runners', () => {
  test.each([
    ['no object', 'x', 'provider'],
    ['a list', [], 'provider'],
    ['a member that nobody knows', { onyl: ['run_1'] }, 'provider'],
    ['weights of some kind', { quantizations: ['fp8'] }, 'provider.quantizations'],
    [
      'answers to train on',
      { enforce_distillable_text: true },
      'provider.enforce_distillable_text',
    ],
    ['a ceiling of words', { max_price: 'low' }, 'provider.max_price'],
    ['a ceiling on something else', { max_price: { tokens: 1 } }, 'provider.max_price'],
    ['a ceiling in a list', { max_price: { prompt: ['1'] } }, 'provider.max_price.prompt'],
    ['a ceiling below nothing', { max_price: { image: -1 } }, 'provider.max_price.image'],
    ['another order', { sort: 'age' }, 'provider.sort'],
    ['an order across models', { sort: { by: 'price', partition: 'none' } }, 'provider.sort'],
    ['a word for yes', { require_parameters: 'yes' }, 'provider.require_parameters'],
    ['a word for yes', { zdr: 1 }, 'provider.zdr'],
    ['a list of numbers', { only: [1] }, 'provider.only'],
  ])('is refused where it cannot be kept: %s', (_, provider, param) => {
    expect(() => ask({ provider })).toThrow(expect.objectContaining({ status: 400, param }))
  })

  test('is taken where it asks for nothing, or excludes nobody', () => {
    const provider = {
      quantizations: [],
      enforce_distillable_text: false,
      preferred_min_throughput: 50,
      preferred_max_latency: { p90: 3 },
      sort: { by: 'latency' },
      max_price: { request: 0, audio: '1' },
      only: null,
      zdr: null,
    }
    expect(ask({ provider }).preferences).toEqual({ ...NO_PREFERENCES, sort: 'latency' })
  })

  test.each([
    ['what every model does', { temperature: null, n: 1, tools: [], stream: true, user: 'a' }, []],
    ['parameters', { temperature: 0, top_k: 4, seed: 0 }, ['temperature', 'top_k', 'seed']],
    ['other names', { reasoning_effort: 'low', functions: [{}] }, ['reasoning', 'tools']],
    ['plain text', { response_format: { type: 'text' } }, []],
    [
      'a schema',
      { response_format: { type: 'json_schema' } },
      ['response_format', 'structured_outputs'],
    ],
    ['JSON from Responses', { text: { format: { type: 'json_object' } } }, ['response_format']],
    [
      'what no list knows',
      { text: { verbosity: 'low' }, typical_p: 1 },
      ['verbosity', 'typical_p'],
    ],
  ])('for all parameters counts %s', (_, body, demands) => {
    const provider = { require_parameters: true }
    expect([...ask({ ...body, provider }).demands]).toEqual(demands)
    expect([...ask(body).demands]).toEqual([])
  })
})

test.each([
  ['/v1/chat/completions', CHAT],
  ['/chat/completions/', CHAT],
  ['/v1//chat/completions', CHAT],
  ['//chat//completions//', CHAT],
  ['/v1/v1/chat/completions', CHAT],
  ['/v1/v1/v1/chat/completions', undefined],
  ['/constructor', undefined],
  ['/v1/models', undefined],
])('the path %s means %s', (path, meant) => {
  expect(inferencePath(path)).toBe(meant)
})
