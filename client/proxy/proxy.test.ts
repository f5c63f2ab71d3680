import { createServer, request as httpRequest, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import { createGzip } from 'node:zlib'
import OpenAI from 'openai'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Connection } from '../connect.ts'
import { GATEWAY, makeWorld, type TestWorld } from '../testing/lying-gateway.ts'
import { chunk, MODEL } from '../testing/test-runner.ts'
import { type LocalProxy, requireLoopback, startProxy } from './start-proxy.ts'

const PAGE = 'http://localhost:3000'
const TOKEN = 'local-token'
const KEY = 'sk-coc-real-key'

let world: TestWorld
let proxy: LocalProxy
let connection: Connection

beforeAll(async () => {
  world = await makeWorld({ runners: 1 })
  connection = await world.connect({ apiKey: KEY })
  const settings = { host: '127.0.0.1', port: 0, origins: [PAGE], hostNames: [], token: TOKEN }
  proxy = await startProxy(connection, settings)
})

afterAll(() => proxy.close())

interface Told {
  readonly status: number
  readonly headers: IncomingMessage['headers']
  readonly text: string
}

/** Raw HTTP, since a browser's or undici's fetch would not send a foreign Host. */
function call(
  path: string,
  options: { method?: string; headers?: Record<string, string>; body?: string } = {},
): Promise<Told> {
  const { method = 'GET', headers = {}, body } = options
  const { port } = new URL(proxy.origin)
  return new Promise((resolve, reject) => {
    const sent = httpRequest({ host: '127.0.0.1', port, path, method, headers }, (response) => {
      let text = ''
      response.on('data', (part) => {
        text += part
      })
      response.on('error', reject)
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, text }),
      )
    })
    sent.on('error', reject)
    sent.end(body)
  })
}

const BODY = JSON.stringify({ model: MODEL, messages: [{ role: 'user', content: 'hi' }] })
const GOOD = { 'content-type': 'application/json', authorization: `Bearer ${TOKEN}` }
const chat = (headers: Record<string, string>) =>
  call('/v1/chat/completions', { method: 'POST', headers, body: BODY })

describe('websites and rebound names spend nothing (H16)', () => {
  test.each<[string, number, string, Record<string, string>]>([
    [
      'a name that was rebound to this machine',
      421,
      'host_refused',
      { ...GOOD, host: 'evil.test' },
    ],
    ['a rebound name with our port', 421, 'host_refused', { ...GOOD, host: 'evil.test:8788' }],
    ['a page that is not listed', 403, 'origin_refused', { ...GOOD, origin: 'https://evil.test' }],
    ['a page in a sandbox', 403, 'origin_refused', { ...GOOD, origin: 'null' }],
    [
      'a listed page under another scheme',
      403,
      'origin_refused',
      { ...GOOD, origin: 'https://localhost:3000' },
    ],
    [
      'a form, which needs no preflight',
      415,
      'content_type_refused',
      { ...GOOD, 'content-type': 'text/plain' },
    ],
    ['no content type', 415, 'content_type_refused', { authorization: GOOD.authorization }],
    ['no token', 401, 'token_required', { 'content-type': 'application/json' }],
    ['a wrong token', 401, 'token_required', { ...GOOD, authorization: 'Bearer local-tokem' }],
  ])('%s', async (_, status, code, headers) => {
    const before = world.sent.length
    const told = await chat(headers)
    expect(told.status).toBe(status)
    expect(JSON.parse(told.text)).toMatchObject({ error: { code } })
    expect(told.headers['access-control-allow-origin']).toBeUndefined()
    expect(world.sent).toHaveLength(before)
  })

  test('a reading request needs the token too, since it shows the account', async () => {
    expect((await call('/v1/account')).status).toBe(401)
  })

  test('the preflight of a listed page is answered, another’s is not', async () => {
    const asked = { 'access-control-request-headers': 'authorization, content-type' }
    const listed = await call('/v1/chat/completions', {
      method: 'OPTIONS',
      headers: { ...asked, origin: PAGE },
    })
    expect(listed.status).toBe(204)
    expect(listed.headers).toMatchObject({
      'access-control-allow-origin': PAGE,
      'access-control-allow-headers': 'authorization, content-type',
    })
    const local = { 'access-control-request-private-network': 'true' }
    const near = await call('/', { method: 'OPTIONS', headers: { ...local, origin: PAGE } })
    expect(near.headers['access-control-allow-private-network']).toBe('true')
    const evil = { ...local, origin: 'https://evil.test' }
    const other = await call('/', { method: 'OPTIONS', headers: evil })
    expect(other.status).toBe(403)
    expect(other.headers['access-control-allow-private-network']).toBeUndefined()
  })

  test('a public address is bound only when told', () => {
    expect(() => requireLoopback('0.0.0.0', false)).toThrow(/other machines/)
    expect(() => requireLoopback('192.168.1.2', false)).toThrow(/other machines/)
    expect(() => requireLoopback('0.0.0.0', true)).not.toThrow()
    expect(() => requireLoopback('127.0.0.1', false)).not.toThrow()
  })
})

describe('an unmodified client', () => {
  const openai = () => new OpenAI({ baseURL: `${proxy.origin}/v1`, apiKey: TOKEN, maxRetries: 0 })
  const messages = [{ role: 'user' as const, content: 'hi' }]

  test('chats, streams, and the gateway sees the real key and never the token', async () => {
    const whole = await openai().chat.completions.create({ model: MODEL, messages })
    expect(whole.choices[0]?.message.content).toBe('Hello there')
    let text = ''
    const stream = await openai().chat.completions.create({ model: MODEL, messages, stream: true })
    for await (const part of stream) text += part.choices[0]?.delta.content ?? ''
    expect(text).toBe('Hello there')
    const seen = world.seen.join()
    expect(seen).toContain(KEY)
    expect(seen).not.toContain(TOKEN)
  })

  test('a listed page reads answers', async () => {
    const told = await chat({ ...GOOD, origin: PAGE })
    expect(told.status).toBe(200)
    expect(told.headers['access-control-allow-origin']).toBe(PAGE)
  })

  test('what cannot be sealed is refused with a reason', async () => {
    const told = await call('/v1/files', { method: 'POST', headers: GOOD, body: '{}' })
    expect(told.status).toBe(400)
    expect(JSON.parse(told.text)).toMatchObject({ error: { code: 'unsealable' } })
  })

  test('an answer that was cut ends by a broken connection, never cleanly', async () => {
    world.lies = {
      answer: (answer) => ({
        ...answer,
        frames: (async function* () {
          let count = 0
          for await (const frame of answer.frames) if (count++ < 2) yield frame
        })(),
      }),
    }
    const body = JSON.stringify({ ...JSON.parse(BODY), stream: true })
    const cut = call('/v1/chat/completions', { method: 'POST', headers: GOOD, body })
    await expect(cut).rejects.toThrow(/aborted|hang up|reset/)
    world.lies = {}
  })

  test('a client that leaves stops the runner', async () => {
    const [runner] = world.runners
    if (runner === undefined) throw new Error('unreachable')
    let ended: () => void = () => undefined
    const stopped = new Promise<void>((resolve) => {
      ended = resolve
    })
    async function* endless() {
      try {
        for (;;) yield chunk('more '.repeat(1_000))
      } finally {
        ended()
      }
    }
    runner.behaviour = { events: endless() }
    const stream = await openai().chat.completions.create({ model: MODEL, messages, stream: true })
    for await (const _ of stream) break
    await stopped
    runner.behaviour = {}
  })
})

describe('status', () => {
  test('/health says what was verified', async () => {
    const told = await call('/health')
    expect(told.status).toBe(200)
    expect(JSON.parse(told.text)).toMatchObject({
      ready: true,
      verification: { status: 'simulated', gateway: GATEWAY, runners: [{ id: 'run_0' }] },
    })
    expect(told.text).not.toContain(KEY)
  })

  test('the page shows it to a person, runs no script and says simulated', async () => {
    const told = await call('/')
    expect(told.text).toContain('run_0')
    expect(told.text).toContain('simulated')
    expect(told.text).not.toMatch(/<script|sk-coc/)
    expect(told.headers['content-security-policy']).toContain("default-src 'none'")
  })
})

describe('over a real network', () => {
  let server: Server
  afterAll(() => server.close())

  test('HTTP’s own compression on the way is undone before the seal is opened', async () => {
    server = createServer((request, response) => {
      const made = new Request(`${GATEWAY}${request.url}`, {
        method: request.method ?? 'GET',
        headers: Object.entries(request.headers).map(([name, value]) => [name, String(value)]),
        ...(request.method === 'POST' ? { body: Readable.toWeb(request), duplex: 'half' } : {}),
        // Sound: Node's own stream and flag; the DOM's types know neither.
      } as RequestInit)
      world.fetch(made).then(async (answer) => {
        const headers = Object.fromEntries(answer.headers)
        response.writeHead(answer.status, { ...headers, 'content-encoding': 'gzip' })
        Readable.from(answer.body ?? [])
          .pipe(createGzip())
          .pipe(response)
      })
    })
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
    // Sound: a TCP server that listens has such an address.
    const { port } = server.address() as AddressInfo
    const compressed = await world.connect({
      baseURL: `http://127.0.0.1:${port}/v1`,
      fetch: (input, init) => {
        const url = input instanceof Request ? input.url : String(input)
        return url.includes('ton-') ? world.fetch(input, init) : fetch(input, init)
      },
    })
    const response = await compressed.fetch(`${compressed.baseURL}/chat/completions`, {
      method: 'POST',
      body: BODY,
    })
    expect(await response.json()).toMatchObject({ object: 'chat.completion' })
  })
})
