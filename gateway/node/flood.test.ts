import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { gzipSync } from 'node:zlib'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { startTestRunner, type TestRunner } from '../testing/test-runner.ts'
import { MODEL, startTestWorld, type TestAccount, type TestWorld } from '../testing/world.ts'

/** Strangers that take what costs a server more than them: connections, and bytes that multiply when unpacked. */
let world: TestWorld
let runner: TestRunner
let account: TestAccount

const FUNDS = 100_000_000n
/** Both ends of each are of this process, which may have 4,096 files open on a careful machine. */
const HELD = 1_000
const ASKED = 20
const WAIT = { timeout: 20_000 }
/** The default of the setting. */
const MAX_BODY_BYTES = 33_554_432
/** Connections that come and go for each request of the client who behaves. */
const PASSING = 50
const SEALED = (): string => `/runners/${runner.id}/v1/chat/completions`

const CHAT = JSON.stringify({
  model: MODEL,
  messages: [{ role: 'user', content: 'hi' }],
  max_tokens: 10,
})

beforeAll(async () => {
  world = await startTestWorld()
  runner = await startTestRunner(world)
  account = await world.account(FUNDS)
})
afterAll(async () => {
  await runner?.close()
  await world?.close()
})

const sockets: Socket[] = []
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy()
})

const post = (
  path: string,
  body: BodyInit,
  headers: Readonly<Record<string, string>> = {},
): Promise<Response> =>
  fetch(world.gateway.origin + path, {
    method: 'POST',
    headers: { ...headers, authorization: `Bearer ${account.key}` },
    body,
  })

/** A connection on which `bytes` were said, and no more follows. */
async function open(bytes: string): Promise<Socket> {
  const { hostname, port } = new URL(world.gateway.origin)
  const socket = connect(Number(port), hostname)
  sockets.push(socket)
  socket.on('error', () => {})
  await once(socket, 'connect')
  if (bytes !== '') socket.write(bytes)
  return socket
}

describe('a flood of connections', () => {
  const BEGUN = 'POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\n'
  test.each([
    ['say nothing', () => ''],
    ['never end their heads', () => BEGUN],
    [
      'never end their bodies',
      () => `${BEGUN}authorization: Bearer ${account.key}\r\ncontent-length: 9999\r\n\r\n{`,
    ],
  ])('that %s: who behaves is served meanwhile, and nothing stays held', async (_, bytes) => {
    await Promise.all(Array.from({ length: HELD }, () => open(bytes())))
    for (let i = 0; i < ASKED; i++) {
      const passing = Array.from({ length: PASSING }, async () => (await open(bytes())).destroy())
      const answer = await post('/v1/chat/completions', CHAT)
      expect(answer.status).toBe(200)
      expect(await answer.text()).toContain('chat.completion')
      await Promise.all(passing)
    }
    for (const socket of sockets) socket.destroy()
    const after = await post('/v1/chat/completions', CHAT)
    await after.text()
    expect(after.status).toBe(200)
    expect((await account.balance()).held).toBe(0n)
  })
})

describe('a compressed body', () => {
  const GZIP = { 'content-encoding': 'gzip', 'content-type': 'application/json' }
  const MEMBER = gzipSync(Buffer.alloc(8 * 1024 * 1024, ' '))
  /** A gigabyte, by members one after the other (RFC 1952 section 2.2): more than any route takes. */
  const BOMB = Buffer.concat(new Array<Buffer>(128).fill(MEMBER))

  // Unpacked, the first would be served, and the second be refused by its size.
  test.each([
    ['of an honest request', gzipSync(CHAT), '/v1/chat/completions'],
    ['of a gigabyte', BOMB, '/v1/chat/completions'],
    ['of an honest request of the app', gzipSync('{}'), '/v1/keys'],
  ])('%s is never unpacked: no JSON', async (_, body, path) => {
    const answer = await post(path, body, GZIP)
    expect(answer.status).toBe(400)
    expect((await answer.json()).error.code).toBe('invalid_json')
  })

  test('of a gigabyte is too large where a megabyte is', async () => {
    const answer = await post('/v1/keys', BOMB, GZIP)
    expect(answer.status).toBe(413)
    expect((await answer.json()).error.code).toBe('request_too_large')
  })

  test('at a runner’s address reaches it as it is, and is nothing that was sealed', async () => {
    for (const body of [gzipSync(CHAT), BOMB]) {
      const answer = await post(SEALED(), body, GZIP)
      expect(answer.status).toBeGreaterThanOrEqual(400)
      expect(answer.status).toBeLessThan(500)
      expect(await answer.text()).not.toContain('chat.completion')
    }
    expect((await account.balance()).held).toBe(0n)
  })
})

test('who sends all of a giant body before reading still reads why it was refused, and may ask again', async () => {
  const socket = await open('')
  const broken: unknown[] = []
  socket.on('error', (error) => broken.push(error))
  const begun = `POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${account.key}\r\n`
  const giant = Buffer.alloc(MAX_BODY_BYTES + 1)
  socket.write(`${begun}content-length: ${giant.length}\r\n\r\n`)
  await new Promise((sent) => socket.write(giant, sent))
  let text = ''
  socket.on('data', (part) => {
    text += String(part)
  })
  await vi.waitFor(() => expect(text).toMatch(/^HTTP\/1\.1 413 .*request_too_large/s), WAIT)
  socket.write(`${begun}content-length: ${CHAT.length}\r\n\r\n${CHAT}`)
  await vi.waitFor(() => expect(text).toContain('chat.completion'), WAIT)
  expect(broken).toEqual([])
})

describe('while strangers send what never ends, who behaves is served:', () => {
  const STRANGERS = 16
  const BEGUN = 'POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\n'
  const FILLER = 'a'.repeat(1_000)

  /** Writes until the server has answered or closed. @returns its answer, as far as it arrived */
  async function pour(first: string, next: (i: number) => string): Promise<string> {
    const socket = await open(first)
    const moved = (): Promise<void> =>
      new Promise((resolve) => {
        for (const event of ['drain', 'data', 'close']) socket.once(event, () => resolve())
      })
    let text = ''
    socket.on('data', (part) => {
      text += String(part)
    })
    for (let i = 0; text === '' && !socket.destroyed; i++) {
      if (socket.write(next(i))) await new Promise(setImmediate)
      else await moved()
    }
    return text
  }

  async function serveMeanwhile(): Promise<void> {
    for (let i = 0; i < ASKED; i++) {
      const answer = await post('/v1/chat/completions', CHAT)
      expect(await answer.text()).toContain('chat.completion')
    }
  }

  test('headers', async () => {
    const floods = Array.from({ length: STRANGERS }, () =>
      pour(BEGUN, (i) => `x-header-${i}: ${FILLER}\r\n`),
    )
    await serveMeanwhile()
    // Whoever still writes may lose the answer with its connection.
    for (const text of await Promise.all(floods)) expect(text).toMatch(/^$|^HTTP\/1\.1 431 /)
  })

  test('bodies in chunks', async () => {
    const head = `${BEGUN}authorization: Bearer ${account.key}\r\ntransfer-encoding: chunked\r\n\r\n`
    const chunk = `10000\r\n${' '.repeat(0x10000)}\r\n`
    const floods = Array.from({ length: STRANGERS }, () => pour(head, () => chunk))
    await serveMeanwhile()
    for (const text of await Promise.all(floods)) expect(text).toMatch(/^$|^HTTP\/1\.1 413 /)
    expect((await account.balance()).held).toBe(0n)
  })

  test('requests one behind the other, whose answers nobody reads', async () => {
    const requests = 2_000
    const ask = `${BEGUN}authorization: Bearer ${account.key}\r\ncontent-length: ${CHAT.length}\r\n\r\n${CHAT}`
    const sockets = await Promise.all(Array.from({ length: STRANGERS }, () => open('')))
    for (const socket of sockets) {
      socket.pause()
      socket.write(ask.repeat(requests / STRANGERS))
    }
    await serveMeanwhile()
    for (const socket of sockets) socket.destroy()
    // Each was served, or given up with its connection: nothing stays held.
    await vi.waitFor(async () => expect((await account.balance()).held).toBe(0n), WAIT)
  })
})

test('a body in chunks of a byte is one body', async () => {
  const socket = await open('')
  let text = ''
  socket.on('data', (part) => {
    text += String(part)
  })
  const chunks = [...CHAT].map((byte) => `1\r\n${byte}\r\n`).join('')
  socket.write(
    `POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${account.key}\r\n` +
      `connection: close\r\ntransfer-encoding: chunked\r\n\r\n${chunks}0\r\n\r\n`,
  )
  await once(socket, 'close')
  expect(text).toMatch(/^HTTP\/1\.1 200 /)
  expect(text).toContain('chat.completion')
})
