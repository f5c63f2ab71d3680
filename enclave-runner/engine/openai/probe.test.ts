import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import type { Features } from '../engine.ts'
import { openOpenAiEngine } from './openai-engine.ts'

type Route = (body: Record<string, unknown>) => unknown
type Routes = Readonly<Record<string, Route>>

const closers: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0)) await close()
})

/** A server that answers 404 where it has no route, as the real ones do. */
async function engine(
  owner: string,
  routes: Routes,
  inputModalities: Features['input_modalities'] = ['text'],
) {
  const models = { data: [{ id: 'inner', owned_by: owner, max_model_len: 4096 }] }
  const all: Routes = { 'GET /v1/models': () => models, ...routes }
  const server = createServer(async (req, res) => {
    const parts: Buffer[] = []
    for await (const part of req) parts.push(part)
    const text = Buffer.concat(parts).toString()
    const route = all[`${req.method} ${req.url}`]
    if (route === undefined) res.writeHead(404).end('{}')
    else res.end(JSON.stringify(route(text === '' ? {} : JSON.parse(text))))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  // Sound: a TCP server that listens has an address object.
  const { port } = server.address() as AddressInfo
  const opened = await openOpenAiEngine({
    url: `http://127.0.0.1:${port}/v1`,
    apiKey: undefined,
    publicModel: 'outer',
    engineModel: undefined,
    contextLength: undefined,
    inputModalities,
    random: (length) => new Uint8Array(length),
    timeouts: { connectMs: 5_000, firstByteMs: 5_000, idleMs: 5_000 },
  })
  closers.push(() => opened.close())
  closers.push(() => new Promise((done) => server.close(done)))
  return opened
}

const USUAL = ['/v1/chat/completions', '/v1/completions', '/v1/embeddings']
const CHAT = { messages: [{ role: 'user', content: 'one two' }], tools: [{ type: 'function' }] }
const PICTURE = { messages: [{ role: 'user', content: [{ image_url: { url: 'data:,' } }] }] }

/** llama.cpp's template and tokenizer, of which each word is a token. */
const LLAMA: Routes = {
  'POST /apply-template': ({ messages, tools }) => ({
    prompt: JSON.stringify(messages).split(/\W+/).join(' ') + (tools ? ' tools' : ''),
  }),
  'POST /tokenize': ({ content }) => ({ tokens: String(content).trim().split(/\s+/) }),
}
/** What becomes of CHAT: role, user, content, one, two, tools. */
const LLAMA_TOKENS = 6

describe('what an engine does is learnt from it', () => {
  test('a server that describes its routes serves those, and counts only when it is seen to', async () => {
    const paths = {
      '/v1/chat/completions': {},
      '/v1/messages': {},
      '/v1/messages/count_tokens': {},
    }
    const described = { 'GET /openapi.json': () => ({ paths }) }
    const silent = await engine('sglang', described)
    expect([...silent.endpoints]).toEqual(['/v1/chat/completions', '/v1/messages'])
    const counting = await engine('vllm', {
      ...described,
      'POST /tokenize': () => ({ count: 5 }),
    })
    expect(counting.endpoints).toContain('/v1/messages/count_tokens')
  })

  test('one that describes nothing is tried for sound', async () => {
    expect([...(await engine('unknown', {})).endpoints]).toEqual(USUAL)
    const hearing = await engine('unknown', { 'POST /v1/audio/transcriptions': () => ({}) })
    expect([...hearing.endpoints]).toEqual([...USUAL, '/v1/audio/transcriptions'])
    expect(hearing.features.input_modalities).toEqual(['text', 'audio'])
  })

  test('a model that only transcribes takes no text', async () => {
    const paths = { '/v1/audio/transcriptions': {} }
    const ear = await engine('vllm', { 'GET /openapi.json': () => ({ paths }) })
    expect(ear.features.input_modalities).toEqual(['audio'])
  })

  test('llama.cpp says what its model takes, whatever its host says', async () => {
    const modalities = { vision: true, audio: false }
    const seeing = await engine('llamacpp', { 'GET /props': () => ({ modalities }) }, ['audio'])
    expect(seeing.features.input_modalities).toEqual(['text', 'image'])
  })

  test('of one that does not tell, what the image was set to', async () => {
    const set = await engine('vllm', {}, ['text', 'image'])
    expect(set.features.input_modalities).toEqual(['text', 'image'])
  })
})

describe('a prompt is counted', () => {
  test('by llama.cpp’s template and tokenizer', async () => {
    const llama = await engine('llamacpp', LLAMA)
    expect(llama.endpoints).toContain('/v1/messages/count_tokens')
    expect(await llama.countPrompt('/v1/chat/completions', CHAT)).toEqual({
      tokens: LLAMA_TOKENS,
      exact: true,
    })
    const prompt = await llama.countPrompt('/v1/completions', { prompt: 'a b c' })
    expect(prompt).toEqual({ tokens: 3, exact: true })
  })

  test('not exactly where it has a picture: the tokenizer sees only its mark (M6)', async () => {
    const vllm = await engine('vllm', { 'POST /tokenize': () => ({ count: 5 }) })
    expect(await vllm.countPrompt('/v1/chat/completions', CHAT)).toEqual({ tokens: 5, exact: true })
    expect(await vllm.countPrompt('/v1/chat/completions', PICTURE)).toEqual({
      tokens: 5 + 16_384,
      exact: false,
    })
  })

  test('by its bytes where there is no tokenizer', async () => {
    const { tokens, exact } = await (await engine('unknown', {})).countPrompt(
      '/v1/chat/completions',
      CHAT,
    )
    expect(exact).toBe(false)
    expect(tokens).toBeGreaterThan(JSON.stringify(CHAT).length)
  })
})

test.each([
  ['vllm', true, true],
  ['sglang', true, true],
  ['llamacpp', true, false],
  ['someone', false, false],
])(
  '%s is told to hold schemas: %s, and to take a repetition penalty: %s',
  async (owner, schemas, penalty) => {
    const { supported_parameters: told } = (await engine(owner, {})).features
    expect(told).toContain('tools')
    expect(told.includes('structured_outputs')).toBe(schemas)
    expect(told.includes('repetition_penalty')).toBe(penalty)
  },
)
