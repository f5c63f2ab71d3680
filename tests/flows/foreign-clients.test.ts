import { createServer, type IncomingMessage, type Server } from 'node:http'
import { createServer as createHttp2Server, type Http2Server } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { createGzip } from 'node:zlib'
import { ChatOpenAI } from '@langchain/openai'
import { createTransport } from 'ehbp'
import OpenAI from 'openai'
import { H2CClient, fetch as undiciFetch } from 'undici'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  type Connection,
  type ConnectOptions,
  connect,
  parseSimulation,
  simulationJson,
} from '#client'
import { simulationOf } from '#dev/world/simulated-tee.ts'
import type { World } from '#dev/world/world.ts'
import { openWorld, WORLD_START_MS } from '../support/open-world.ts'

/** Clients and networks that we did not write, in front of the real gateway and the real runner. */
let world: World
let model: string

beforeAll(async () => {
  world = await openWorld()
  model = world.info.models[0] ?? ''
}, WORLD_START_MS)
afterAll(() => world?.stop())

const messages = [{ role: 'user' as const, content: 'Who are you?' }]

async function options(): Promise<ConnectOptions> {
  const { info } = world
  const now = Math.floor(Date.now() / 1000)
  const file = simulationJson({ ...(await simulationOf(world.tee)), created: now as never })
  return {
    baseURL: info.baseUrl,
    apiKey: info.apiKey,
    registry: { endpoints: [info.chainUrl], address: info.registryAddress },
    allowSimulated: true,
    simulation: parseSimulation(JSON.parse(JSON.stringify(file)), now as never),
  }
}

describe('the npm ehbp client, unmodified, at a runner’s own origin', () => {
  const sealedOpenAi = async () => {
    const { runnerOrigin, apiKey } = world.info
    const transport = await createTransport(runnerOrigin)
    return new OpenAI({
      baseURL: `${runnerOrigin}/v1`,
      apiKey,
      fetch: (input, init) => transport.request(input, init),
      defaultHeaders: { 'x-cocoon-max-tokens': '16' },
    })
  }

  test('gets a whole answer, whose last member is the receipt', async () => {
    const openai = await sealedOpenAi()
    const request = openai.chat.completions.create({ model, messages, max_tokens: 12 })
    const { data, response } = await request.withResponse()
    expect(data.choices[0]?.message.content).toBeTruthy()
    expect(Object.keys(data).at(-1)).toBe('cocoon_receipt')
    expect(response.headers.get('x-cocoon-confidentiality')).toBe('sealed')
  })

  test('streams', async () => {
    const openai = await sealedOpenAi()
    const whole = await openai.chat.completions.create({ model, messages, max_tokens: 12, seed: 1 })
    const stream = await openai.chat.completions.create({
      ...{ model, messages, max_tokens: 12, seed: 1, stream: true as const },
    })
    let text = ''
    for await (const part of stream) text += part.choices[0]?.delta.content ?? ''
    expect(text).toBe(whole.choices[0]?.message.content)
  })

  test('reads the runner’s sealed errors as the runner wrote them', async () => {
    const openai = await sealedOpenAi()
    const asked = openai.chat.completions.create({ model: 'no-such-model', messages })
    await expect(asked).rejects.toMatchObject({ status: 404, code: 'model_not_found' })
  })
})

test('LangChain works unmodified with cocoon.fetch', async () => {
  const cocoon = await connect(await options())
  const chat = new ChatOpenAI({
    model,
    maxTokens: 12,
    apiKey: world.info.apiKey,
    configuration: { baseURL: cocoon.baseURL, fetch: cocoon.fetch },
  })
  const whole = await chat.invoke('Who are you?')
  expect(String(whole.content)).not.toBe('')
  expect(whole.usage_metadata).toMatchObject({ output_tokens: expect.any(Number) })
  let text = ''
  for await (const part of await chat.stream('Who are you?')) text += String(part.content)
  expect(text).not.toBe('')
})

/** A hop between client and gateway, as a CDN or a company's proxy is. */
function relayThrough(
  target: string,
  asked: Pick<IncomingMessage, 'method' | 'url' | 'headers'> & AsyncIterable<Buffer>,
): Promise<Response> {
  const names = Object.entries(asked.headers).filter(
    ([name, value]) =>
      typeof value === 'string' &&
      !/^(?::|host$|connection$|content-length$|transfer-encoding$|accept-encoding$)/.test(name),
  )
  return (async () => {
    const parts: Buffer[] = []
    for await (const part of asked) parts.push(part)
    return fetch(`${target}${asked.url}`, {
      method: asked.method ?? 'GET',
      // Sound: the filter above left single values only.
      headers: names as [string, string][],
      body: parts.length === 0 ? null : Buffer.concat(parts),
    })
  })()
}

/** What a hop makes itself. Its answers are its own: they do not go by the gateway's request id. */
const HOP_BY_HOP =
  /^(?:connection|keep-alive|transfer-encoding|content-length|content-encoding|x-request-id)$/
const headersOf = (response: Response) =>
  Object.fromEntries([...response.headers].filter(([name]) => !HOP_BY_HOP.test(name)))

async function listening(server: Server | Http2Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  // Sound: a TCP server that listens has an address object.
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

describe('a hop on the way', () => {
  const closers: (() => unknown)[] = []
  afterAll(() => {
    for (const close of closers) close()
  })

  /** The same session over every hop: whole and streamed, receipts and all. */
  async function use(cocoon: Connection): Promise<void> {
    const openai = new OpenAI({ ...cocoon, apiKey: world.info.apiKey, maxRetries: 0 })
    const asked = { model, messages, max_tokens: 12, seed: 3 }
    const whole = await openai.chat.completions.create(asked)
    let text = ''
    for await (const part of await openai.chat.completions.create({ ...asked, stream: true })) {
      text += part.choices[0]?.delta.content ?? ''
    }
    expect(text).toBe(whole.choices[0]?.message.content)
    expect(text).not.toBe('')
  }

  test('that speaks HTTP/2 and sends a byte at a time changes nothing', async () => {
    const streams = new Set<string>()
    const server = createHttp2Server((request, response) => {
      streams.add(`${request.method} ${request.url.split('?')[0]?.replace(/[0-9a-f_]{20,}/g, '…')}`)
      relayThrough(world.info.webUrl, request)
        .then(async (answer) => {
          response.writeHead(answer.status, headersOf(answer))
          for await (const part of answer.body ?? []) {
            for (const byte of part) response.write(Uint8Array.of(byte))
          }
          response.end()
        })
        .catch(() => response.stream.close())
    })
    const origin = await listening(server)
    const dispatcher = new H2CClient(origin)
    closers.push(
      () => dispatcher.destroy(),
      () => server.close(),
    )
    const given = await options()
    // Sound: undici's own fetch is the standard's, with its own nominal types.
    const overHttp2 = ((input: string, init: object) =>
      String(input).startsWith(origin)
        ? undiciFetch(input, { ...init, dispatcher })
        : fetch(input, init)) as unknown as typeof fetch
    await use(await connect({ ...given, baseURL: `${origin}/v1`, fetch: overHttp2 }))
    expect([...streams].some((line) => line.startsWith('POST /runners/'))).toBe(true)
  })

  test('that compresses answers changes nothing', async () => {
    let compressed = 0
    const server = createServer((request, response) => {
      relayThrough(world.info.webUrl, request)
        .then(async (answer) => {
          response.writeHead(answer.status, { ...headersOf(answer), 'content-encoding': 'gzip' })
          compressed++
          const gzip = createGzip()
          gzip.pipe(response)
          for await (const part of answer.body ?? []) gzip.write(part)
          gzip.end()
        })
        .catch(() => response.destroy())
    })
    const origin = await listening(server)
    closers.push(() => server.close())
    await use(await connect({ ...(await options()), baseURL: `${origin}/v1` }))
    expect(compressed).toBeGreaterThan(4)
  })
})
