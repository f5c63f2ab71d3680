import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import type { EngineEvent, EngineRequest } from '../engine.ts'
import { openOpenAiEngine } from './openai-engine.ts'

/** A stand-in for a foreign process at its HTTP boundary: it says what real engines were seen to say. */
interface FakeEngine {
  readonly url: string
  readonly bodies: Record<string, unknown>[]
  close(): Promise<void>
}

type Answer = (res: ServerResponse, body: Record<string, unknown>, req: IncomingMessage) => void

/** Those that were opened: what an engine is asked at that is no request of a test. */
const opened = new Set<string>()
const closers: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0)) await close()
})

async function fakeEngine(answer: Answer, owner = 'vllm', socket?: string): Promise<FakeEngine> {
  const bodies: Record<string, unknown>[] = []
  let url = ''
  const server = createServer(async (req, res) => {
    if (req.url === '/v1/models') {
      const model = { id: 'inner', object: 'model', owned_by: owner, max_model_len: 4096 }
      res.end(JSON.stringify({ object: 'list', data: [model] }))
      return
    }
    if (req.method === 'GET' || !opened.has(url)) {
      res.writeHead(404).end()
      return
    }
    const parts: Buffer[] = []
    for await (const part of req) parts.push(part)
    const body = JSON.parse(Buffer.concat(parts).toString())
    bodies.push(body)
    answer(res, body, req)
  })
  server.listen(socket === undefined ? { port: 0, host: '127.0.0.1' } : { path: socket })
  await once(server, 'listening')
  const close = async () => {
    server.closeAllConnections()
    await new Promise((done) => server.close(done))
  }
  closers.push(close)
  // Sound: a TCP server that listens has an address object.
  const { port } = server.address() as AddressInfo
  url = socket === undefined ? `http://127.0.0.1:${port}/v1` : `unix:${socket}`
  return { url, bodies, close }
}

async function open(url: string, timeouts = {}) {
  const engine = await openOpenAiEngine({
    url,
    apiKey: undefined,
    publicModel: 'outer',
    engineModel: undefined,
    contextLength: undefined,
    inputModalities: ['text'],
    random: (length) => new Uint8Array(length).fill(5),
    timeouts: { connectMs: 5000, firstByteMs: 20_000, idleMs: 20_000, ...timeouts },
  })
  opened.add(url)
  closers.push(() => engine.close())
  return engine
}

const request = (change: Partial<EngineRequest> = {}): EngineRequest => ({
  endpoint: '/v1/chat/completions',
  body: { model: 'outer', messages: [{ role: 'user', content: 'hi' }], top_k: 5 },
  stream: true,
  signal: new AbortController().signal,
  ...change,
})

async function collect(events: AsyncIterable<EngineEvent>): Promise<EngineEvent[]> {
  const list: EngineEvent[] = []
  for await (const event of events) list.push(event)
  return list
}

const delta = (content: string, more: object = {}) =>
  `data: ${JSON.stringify({ id: 'x', model: 'inner', choices: [{ index: 0, delta: { content }, finish_reason: null }], ...more })}\n\n`
const counts = (prompt_tokens: number, completion_tokens: number) => ({
  usage: { prompt_tokens, completion_tokens, total_tokens: prompt_tokens + completion_tokens },
})

describe('an OpenAI-compatible engine', () => {
  test('is asked for usage, and its chunks lose usage and take the public name', async () => {
    const fake = await fakeEngine((res) => {
      res.write(delta('a', counts(9, 1)))
      res.write(delta('b', counts(9, 2)))
      res.write(`data: {"choices":[{"index":0,"delta":{},"finish_reason":"length"}]}\n\n`)
      res.end(`data: ${JSON.stringify({ choices: [], ...counts(9, 3) })}\n\ndata: [DONE]\n\n`)
    })
    const events = await collect((await open(fake.url)).run(request()))
    expect(fake.bodies[0]).toMatchObject({
      model: 'inner',
      top_k: 5,
      cache_salt: '05'.repeat(16),
      stream_options: { include_usage: true, continuous_usage_stats: true },
    })
    const chunks = events.filter((event) => event.kind === 'chunk')
    expect(chunks.map((chunk) => chunk.tokens)).toEqual([1, 2, 2])
    for (const chunk of chunks) {
      expect(JSON.parse(chunk.data)).toMatchObject({ model: 'outer' })
      expect(chunk.data).not.toContain('usage')
    }
    expect(events.at(-1)).toEqual({
      kind: 'done',
      finish: 'length',
      usage: { promptTokens: 9, cachedTokens: 0, completionTokens: 3, reasoningTokens: 0 },
    })
  })

  test.each([
    ['llamacpp', 'my-salt', { cache_prompt: false }],
    ['llamacpp', undefined, { cache_prompt: false }],
    ['vllm', 'my-salt', { cache_salt: 'my-salt' }],
    ['vllm', '', { cache_salt: '05'.repeat(16) }],
    ['sglang', undefined, { cache_salt: '05'.repeat(16) }],
  ])(
    'of kind %s keeps a caller with salt %j from the others’ prefixes (H10)',
    async (owner, salt, told) => {
      const answer = { id: 'x', choices: [{ message: { content: 'hello' } }], ...counts(9, 2) }
      const fake = await fakeEngine((res) => res.end(JSON.stringify(answer)), owner)
      const engine = await open(fake.url)
      const asked = { ...request().body, cache_prompt: true, id_slot: 3 }
      const body = salt === undefined ? asked : { ...asked, cache_salt: salt }
      await collect(engine.run(request({ stream: false, body })))
      expect(fake.bodies[0]).toMatchObject(told)
      expect(fake.bodies[0]).not.toHaveProperty('id_slot')
    },
  )

  test('is told no names of answers, which receipts show, and no machines to fetch from and no code to run (H13)', async () => {
    const answer = { id: 'x', choices: [{ message: { content: 'hello' } }], ...counts(9, 2) }
    const fake = await fakeEngine((res) => res.end(JSON.stringify(answer)))
    const engine = await open(fake.url)
    const wishes = {
      request_id: 'a word of the prompt',
      rid: 'another',
      kv_transfer_params: { remote_host: '10.0.0.7', remote_port: 1 },
      bootstrap_host: '10.0.0.7',
      session_params: { id: 'of somebody else' },
      custom_logit_processor: 'pickled',
      logits_processors: ['os.system'],
    }
    const body = { ...request().body, ...wishes }
    await collect(engine.run(request({ stream: false, body })))
    for (const name of Object.keys(wishes)) expect(fake.bodies[0]).not.toHaveProperty(name)
  })

  test('answers over a unix socket, whole', async () => {
    const socket = join(tmpdir(), `engine-${process.pid}.sock`)
    const answer = { id: 'x', model: 'inner', choices: [{ message: { content: 'hello' } }] }
    const fake = await fakeEngine(
      (res) => res.end(JSON.stringify({ ...answer, ...counts(9, 2) })),
      'llamacpp',
      socket,
    )
    const engine = await open(fake.url)
    const events = await collect(engine.run(request({ stream: false })))
    expect(events[1]).toEqual({ kind: 'json', body: { ...answer, model: 'outer' } })
    expect(events[2]).toMatchObject({ usage: { promptTokens: 9, completionTokens: 2 } })
  })

  test('one that lies about usage is billed what can be true', async () => {
    const fake = await fakeEngine((res) => {
      res.end(
        `${delta('ab')}data: ${JSON.stringify({ choices: [], ...counts(1e9, 1e9) })}\n\ndata: [DONE]\n\n`,
      )
    })
    const events = await collect((await open(fake.url)).run(request()))
    const done = events.at(-1)
    if (done?.kind !== 'done' || done.usage === undefined) throw new Error('no usage')
    expect(done.usage.completionTokens).toBe(2 + 16)
    expect(done.usage.promptTokens).toBeLessThan(300)
  })

  test('one that omits usage is believed a token a delta in a stream, and refused otherwise', async () => {
    const fake = await fakeEngine((res, body) =>
      body['stream'] === true
        ? res.end(`${delta('a')}${delta('b')}data: [DONE]\n\n`)
        : res.end(JSON.stringify({ choices: [{ message: { content: 'hello' } }] })),
    )
    const engine = await open(fake.url)
    const events = await collect(engine.run(request()))
    expect(events.at(-1)).toMatchObject({ usage: { completionTokens: 2 } })
    await expect(collect(engine.run(request({ stream: false })))).rejects.toMatchObject({
      code: 'engine_no_usage',
    })
  })

  test.each([
    [
      'dies in mid-answer',
      (res: ServerResponse) => res.write(delta('a'), () => res.destroy()),
      'engine_failed',
    ],
    ['ends early without an error', (res: ServerResponse) => res.end(delta('a')), 'engine_failed'],
    [
      'answers 500',
      (res: ServerResponse) => res.writeHead(500).end('stack trace'),
      'engine_failed',
    ],
    ['is busy', (res: ServerResponse) => res.writeHead(503).end(), 'engine_overloaded'],
    [
      'reports an error event',
      (res: ServerResponse) => res.end('data: {"error":{"message":"x"}}\n\n'),
      'engine_failed',
    ],
    ['sends no JSON', (res: ServerResponse) => res.end('data: {{{\n\n'), 'engine_failed'],
    [
      'says the prompt is too long',
      (res: ServerResponse) =>
        res.writeHead(400).end('{"error":{"message":"maximum context length is 4096"}}'),
      'context_length_exceeded',
    ],
    ['hangs before the first byte', () => {}, 'engine_timeout'],
    ['hangs in mid-answer', (res: ServerResponse) => res.write(delta('a')), 'engine_timeout'],
  ])('one that %s is a clear error', async (_, answer, code) => {
    const fake = await fakeEngine(answer)
    const isHang = code === 'engine_timeout'
    const engine = await open(fake.url, isHang ? { firstByteMs: 300, idleMs: 300 } : {})
    await expect(collect(engine.run(request()))).rejects.toMatchObject({ code })
  })

  test('an abort closes the engine’s socket and ends the iteration', async () => {
    const closed = Promise.withResolvers<void>()
    const fake = await fakeEngine((res) => {
      res.write(delta('a'))
      res.on('close', closed.resolve)
    })
    const controller = new AbortController()
    const engine = await open(fake.url)
    const events: EngineEvent[] = []
    let left = 0
    for await (const event of engine.run(request({ signal: controller.signal }))) {
      events.push(event)
      if (event.kind !== 'chunk') continue
      left = performance.now()
      controller.abort()
    }
    await closed.promise
    const ms = performance.now() - left
    process.stdout.write(`the engine saw its socket closed ${ms.toFixed(1)} ms after the abort\n`)
    // A tenth of a second is promised; ten times that on a busy machine.
    expect(ms).toBeLessThan(1_000)
    expect(events.at(-1)).toMatchObject({ kind: 'chunk', tokens: 1 })
  })

  test('prompt tokens are exact where the engine has a tokenizer, else bounded by bytes', async () => {
    const fake = await fakeEngine((res, body) =>
      'messages' in body ? res.end('{"count":9}') : res.writeHead(404).end('{}'),
    )
    const engine = await open(fake.url)
    const { body } = request()
    expect(await engine.countPrompt('/v1/chat/completions', body)).toEqual({
      tokens: 9,
      exact: true,
    })
    const legacy = await engine.countPrompt('/v1/completions', { prompt: 'abc' })
    expect(legacy.exact).toBe(false)
    expect(legacy.tokens).toBeGreaterThan(3)
  })

  test('one that nobody listens at is unreachable', async () => {
    const fake = await fakeEngine((res) => res.end())
    await closers.pop()?.()
    await expect(open(fake.url)).rejects.toMatchObject({ code: 'engine_unreachable' })
  })
})
