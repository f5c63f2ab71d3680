import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createTransport, type Transport } from 'ehbp'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { utf8 } from '#base/bytes.ts'
import { readEnvelope } from './envelope.ts'
import { ProtocolError } from './errors.ts'
import { marshalKeyConfig } from './key-config.ts'
import { HPKE_KEYS_PATH, HPKE_KEYS_TYPE } from './labels.ts'
import { nodeProvider } from './node.ts'
import { type OpenedRequest, openRequest } from './open-request.ts'
import { toProblem } from './problem.ts'
import { facts, PATH, random, runnerKeys } from './testing/fixtures.ts'

/** The smallest runner that these functions make: echoes the body, whole or as a stream. */
type Keys = Awaited<ReturnType<typeof runnerKeys>>

async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk)
  return Buffer.concat(chunks)
}

async function answer(
  keys: Keys,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  if (request.url === HPKE_KEYS_PATH) {
    const configs = Object.values(keys.sealing).map(({ suite, publicKey }) => ({
      suite: suite.name,
      publicKey,
    }))
    response.writeHead(200, { 'content-type': HPKE_KEYS_TYPE }).end(marshalKeyConfig(configs))
    return
  }
  const opened = await openOrRefuse(keys, request, response)
  if (opened === undefined) return
  const { headers, keys: own } = opened.respond(random(32))
  const sealer = nodeProvider.bodies.sealer(own)
  response.writeHead(200, { ...headers, 'content-type': 'text/event-stream' })
  const body = Buffer.from(opened.plaintext).toString()
  for (const word of body.split(' ')) {
    response.write(new Uint8Array(4))
    response.write(sealer.seal(utf8(`data: ${word}\n\n`)))
    // Lets the client see one frame at a time.
    await new Promise((resolve) => setImmediate(resolve))
  }
  response.end(sealer.end())
}

async function openOrRefuse(
  keys: Keys,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<OpenedRequest | undefined> {
  try {
    const body = await readBody(request)
    const envelope = readEnvelope((name) => request.headers[name], nodeProvider)
    return await openRequest(nodeProvider, { envelope, body, keys, facts: facts() })
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error
    const problem = toProblem(error)
    response.writeHead(problem.status, { 'content-type': problem.contentType })
    response.end(JSON.stringify(problem.body))
    return undefined
  }
}

describe('the npm ehbp client, unmodified, against these functions', () => {
  let keys: Keys
  let server: Server
  let transport: Transport
  let origin: string

  beforeEach(async () => {
    keys = await runnerKeys()
    server = createServer((request, response) => {
      answer(keys, request, response).catch(() => response.destroy())
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    // Sound: a TCP server that listens has an AddressInfo.
    origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    transport = await createTransport(origin)
  })

  afterEach(async () => {
    server.closeAllConnections()
    server.close()
    await once(server, 'close')
  })

  test('reads our X25519 key though the hybrid one is published too', async () => {
    const published = Buffer.from(keys.sealing['ehbp-x25519'].publicKey).toString('hex')
    expect(await transport.getServerPublicKeyHex()).toBe(published)
  })

  test('seals a request and reads the whole answer', async () => {
    const response = await transport.post(origin + PATH, 'hello sealed world')
    expect(await response.text()).toBe('data: hello\n\ndata: sealed\n\ndata: world\n\n')
  })

  test('reads the answer as a stream, frame by frame', async () => {
    const words = Array.from({ length: 200 }, (_, i) => `w${i}`)
    const response = await transport.post(origin + PATH, words.join(' '))
    const reader = response.body?.getReader()
    const events: string[] = []
    for (;;) {
      const next = await reader?.read()
      if (next === undefined || next.done) break
      events.push(Buffer.from(next.value).toString())
    }
    expect(events).toEqual(words.map((word) => `data: ${word}\n\n`))
  })

  test('a large body arrives whole', async () => {
    const body = 'x'.repeat(3_000_000)
    const response = await transport.post(origin + PATH, body)
    expect(await response.text()).toBe(`data: ${body}\n\n`)
  })

  test('after a key rotation it is told to fetch the keys again', async () => {
    keys = await runnerKeys()
    const refused = transport.post(origin + PATH, 'x')
    await expect(refused).rejects.toMatchObject({ name: 'KeyConfigMismatchError' })
    const fresh = await createTransport(origin)
    expect(await (await fresh.post(origin + PATH, 'x')).text()).toBe('data: x\n\n')
  })

  test('a request sent a second time is refused', async () => {
    const headers = { 'ehbp-encapsulated-key': Buffer.from(random(32)).toString('hex') }
    const send = (): Promise<Response> =>
      fetch(origin + PATH, { method: 'POST', headers, body: 'x' })
    expect((await send()).status).toBe(400)
    const again = await send()
    expect([again.status, (await again.json()).code]).toEqual([409, 'replayed'])
  })

  test('a header sent twice is refused', async () => {
    const key = Buffer.from(random(32)).toString('hex')
    const headers = new Headers([
      ['ehbp-encapsulated-key', key],
      ['ehbp-encapsulated-key', key],
    ])
    const response = await fetch(origin + PATH, { method: 'POST', headers, body: 'x' })
    expect([response.status, (await response.json()).code]).toEqual([400, 'header_invalid'])
  })
})
