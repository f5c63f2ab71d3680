import { channel } from 'node:diagnostics_channel'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { fromHex, utf8 } from '#base/bytes.ts'
import { nano } from '#base/nano.ts'
import type { World } from '#dev/world/world.ts'
import { sealRequest } from '#protocol'
import { nodeProvider } from '#protocol/node'
import { type Payer, readyPayer } from '../support/account.ts'
import { openWorld, SCRIPTED, SCRIPTED_MODEL, WORLD_START_MS } from '../support/open-world.ts'
import { openSocket, readAnswer, sendRaw } from '../support/raw-http.ts'

/** Whatever comes in, the answer is a 4xx that an OpenAI client can read, and the gateway serves the next one. */
let world: World
let payer: Payer
let credited: bigint

beforeAll(async () => {
  world = await openWorld({ engine: SCRIPTED })
  payer = readyPayer(world)
  credited = (await payer.read()).available
}, WORLD_START_MS)
afterAll(() => world?.stop())

/** After each attack: alive, and nothing held or charged. */
afterEach(async () => {
  const { available, held } = await payer.read()
  expect({ available, held }).toEqual({ available: credited, held: 0n })
  const health = await fetch(`${world.info.webUrl}/health`)
  expect(health.status).toBe(200)
})

const CHAT = { model: SCRIPTED_MODEL, messages: [{ role: 'user', content: 'c3g0' }] }
const PATH = '/v1/chat/completions'
const HUGE = 50 * 1024 * 1024

/** OpenAI's error object with all four members, and no word of how the gateway is built. */
function expectRefusal(
  answer: { readonly status: number; readonly text: string },
  status: number,
  code: string,
): void {
  expect(answer.status).toBe(status)
  const { error } = JSON.parse(answer.text)
  expect(error).toMatchObject({ code, type: expect.any(String), message: expect.any(String) })
  expect(error).toHaveProperty('param')
  expect(answer.text).not.toMatch(/\.ts\b|node:|\bat .+:\d+|Error:/)
}

async function send(body: string, headers: Record<string, string> = {}, path = PATH) {
  const response = await fetch(world.info.webUrl + path, {
    method: 'POST',
    headers: { ...payer.headers, ...headers },
    body,
  })
  return { status: response.status, text: await response.text(), headers: response.headers }
}

describe('a body that', () => {
  test.each([
    ['is not JSON', 'hello'],
    ['is empty', ''],
    ['is cut', JSON.stringify(CHAT).slice(0, -2)],
    ['is a list', '[]'],
    ['is null', 'null'],
    ['is nested a million deep', '['.repeat(1_000_000)],
  ])('%s is a 400', async (_, body) => {
    expectRefusal(await send(body), 400, 'invalid_json')
  })

  test('is not UTF-8 is a 400', async () => {
    const body = Buffer.concat([
      Buffer.from('{"model":"'),
      Buffer.from([0xff, 0xfe]),
      Buffer.from('"}'),
    ])
    const response = await fetch(world.info.webUrl + PATH, {
      method: 'POST',
      headers: payer.headers,
      body,
    })
    expectRefusal({ status: response.status, text: await response.text() }, 400, 'invalid_json')
  })

  test.each([
    ['names no model', { model: undefined }, 400, 'invalid_request'],
    ['names a number as its model', { model: 5 }, 400, 'invalid_request'],
    ['names an unknown model', { model: 'gpt-none' }, 404, 'model_not_found'],
    ['names a member of Object as its model', { model: '__proto__' }, 404, 'model_not_found'],
    ['wants a billion answers', { n: 1e9 }, 400, 'invalid_request'],
    ['wants a fraction of an answer', { n: 1.5 }, 400, 'invalid_request'],
    ['hides a billion answers in best_of', { best_of: 1e9 }, 400, 'invalid_request'],
    ['wants less than one token', { max_tokens: -1 }, 400, 'invalid_request'],
    ['wants 10^18 tokens', { max_tokens: 1e18 }, 400, 'invalid_request'],
    ['streams in words', { stream: 'yes' }, 400, 'invalid_request'],
  ])('%s is refused', async (_, change, status, code) => {
    expectRefusal(await send(JSON.stringify({ ...CHAT, ...change })), status, code)
  })

  test('announces 50 MB is a 413 before a byte of it is read', async () => {
    const { host } = new URL(world.info.webUrl)
    const head = `POST ${PATH} HTTP/1.1\r\nhost: ${host}\r\nauthorization: Bearer ${payer.apiKey}\r\ncontent-length: ${HUGE}\r\n\r\n`
    const { status, body } = await sendRaw(world.info.webUrl, head)
    expectRefusal({ status, text: body }, 413, 'request_too_large')
  })

  test('has 50 MB without saying so is a 413', async () => {
    const { host } = new URL(world.info.webUrl)
    const socket = await openSocket(world.info.webUrl)
    const answer = readAnswer(socket)
    socket.write(
      `POST ${PATH} HTTP/1.1\r\nhost: ${host}\r\nauthorization: Bearer ${payer.apiKey}\r\ntransfer-encoding: chunked\r\n\r\n`,
    )
    const part = Buffer.concat([
      Buffer.from('100000\r\n'),
      Buffer.alloc(0x100000, 97),
      Buffer.from('\r\n'),
    ])
    for (let sent = 0; sent < HUGE && !socket.destroyed; sent += 0x100000) socket.write(part)
    const { status, body } = await answer
    socket.destroy()
    expectRefusal({ status, text: body }, 413, 'request_too_large')
  })

  test('has 50 MB elsewhere is a 413 too', async () => {
    const { host } = new URL(world.info.webUrl)
    for (const path of ['/v1/accounts', '/v1/receipts', '/v1/runners/heartbeat']) {
      const head = `POST ${path} HTTP/1.1\r\nhost: ${host}\r\ncontent-length: ${HUGE}\r\n\r\n`
      const { status, body } = await sendRaw(world.info.webUrl, head)
      expectRefusal({ status, text: body }, 413, 'request_too_large')
    }
  })

  test('never ends holds nobody else up', async () => {
    const { host } = new URL(world.info.webUrl)
    const slow = await Promise.all(Array.from({ length: 64 }, () => openSocket(world.info.webUrl)))
    for (const socket of slow) {
      socket.write(
        `POST ${PATH} HTTP/1.1\r\nhost: ${host}\r\nauthorization: Bearer ${payer.apiKey}\r\ncontent-length: 1000\r\n\r\n{"model":`,
      )
    }
    expectRefusal(await send('hello'), 400, 'invalid_json')
    expect(await payer.read()).toMatchObject({ held: 0n })
    for (const socket of slow) socket.destroy()
  })
})

describe('a key that', () => {
  test.each([
    ['is missing', {}],
    ['is another provider’s', { authorization: 'Bearer sk-proj-1234567890' }],
    ['has 60 KB', { authorization: `Bearer sk-coc-${'A'.repeat(60_000)}` }],
    ['is no bearer', { authorization: 'Basic dXNlcjpwYXNz' }],
  ])('%s is a 401', async (_, headers: Record<string, string>) => {
    const response = await fetch(world.info.webUrl + PATH, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(CHAT),
    })
    expectRefusal({ status: response.status, text: await response.text() }, 401, 'invalid_api_key')
  })

  test('has one character changed is a 401, wherever it is', async () => {
    const { apiKey } = payer
    const last = apiKey.length - 1
    for (const at of [7, 20, last - 20, last]) {
      const other = apiKey[at] === 'A' ? 'B' : 'A'
      const authorization = `Bearer ${apiKey.slice(0, at)}${other}${apiKey.slice(at + 1)}`
      expectRefusal(await send(JSON.stringify(CHAT), { authorization }), 401, 'invalid_api_key')
    }
  })
})

describe('HTTP that', () => {
  const status4xx = (status: number) => expect(Math.floor(status / 100)).toBe(4)

  test('has 100 KB of headers is a 431', async () => {
    const { host } = new URL(world.info.webUrl)
    const head = `POST ${PATH} HTTP/1.1\r\nhost: ${host}\r\nx-huge: ${'a'.repeat(100_000)}\r\n\r\n`
    const answer = await sendRaw(world.info.webUrl, head)
    expectRefusal({ status: answer.status, text: answer.body }, 431, 'headers_too_large')
    channel('cocoon:tests:raw-answer').publish({
      request: head,
      answer: `${answer.head}\r\n\r\n${answer.body}`,
    })
  })

  test.each([
    ['is no HTTP', 'hello\r\n\r\n'],
    [
      'smuggles a second length',
      `POST ${PATH} HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n`,
    ],
    [
      'has a bad chunk',
      `POST ${PATH} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer x\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n`,
    ],
  ])('%s is a 4xx', async (_, text) => {
    const { status, body } = await sendRaw(world.info.webUrl, text)
    status4xx(status)
    expect(JSON.parse(body).error).toMatchObject({ message: expect.any(String) })
  })

  test('asks for what does not exist is a 404 or 405', async () => {
    const wrongPath = await payer.get('/v1/nothing')
    expect(wrongPath.status).toBe(404)
    expect((await wrongPath.json()).error).toMatchObject({ code: null })
    const wrongMethod = await payer.get(PATH)
    expect(wrongMethod.status).toBe(405)
  })
})

describe('a sealed body that', () => {
  async function sealed() {
    const read = async (path: string) => (await payer.get(path)).json()
    const [runner] = (await read('/v1/runners')).data
    const document = await read(`/v1/aci/sessions/${runner.session_id}`)
    const publicKey = document.workload_keyset.e2ee_public_keys[0].public_key
    const head = {
      path: PATH,
      model: SCRIPTED_MODEL,
      session: runner.session_id,
      maxCost: nano(1_000_000_000n),
      notAfter: Math.floor(Date.now() / 1000) + 60,
    } as const
    const asked = { suite: 'ehbp-x25519', publicKey: fromHex(publicKey), head } as const
    const request = await sealRequest(nodeProvider, { ...asked, body: utf8(JSON.stringify(CHAT)) })
    return { path: `/runners/${runner.id}${PATH}`, request }
  }

  async function post(path: string, headers: object, body: Uint8Array<ArrayBuffer>) {
    const response = await fetch(world.info.webUrl + path, {
      method: 'POST',
      headers: { ...headers, authorization: `Bearer ${payer.apiKey}` },
      body,
    })
    return { status: response.status, text: await response.text() }
  }

  const cuts = [
    ['is cut in its last frame', (body: Buffer) => body.subarray(0, -1)],
    ['is cut in its first frame', (body: Buffer) => body.subarray(0, 40)],
    ['lacks its end frame', (body: Buffer) => body.subarray(0, 4 + body.readUInt32BE(0))],
    [
      'has a bit turned',
      (body: Buffer) =>
        Buffer.concat([
          body.subarray(0, 10),
          Buffer.from([(body[10] ?? 0) ^ 1]),
          body.subarray(11),
        ]),
    ],
    ['is empty', () => Buffer.alloc(0)],
    ['announces a frame of 4 GB', () => Buffer.from('ffffffff00', 'hex')],
  ] as const

  test.each(cuts)('%s is a 4xx and charges nothing', async (_, cut) => {
    const { path, request } = await sealed()
    const body = new Uint8Array(cut(Buffer.from(request.body)))
    const { status, text } = await post(path, request.headers, body)
    expect(Math.floor(status / 100)).toBe(4)
    expect(() => JSON.parse(text)).not.toThrow()
    expect(text).not.toMatch(/\.ts\b|node:|\bat .+:\d+/)
  })

  test('names no key is told to seal', async () => {
    const { path } = await sealed()
    const answer = await post(path, {}, new Uint8Array(Buffer.from('{}')))
    expectRefusal(answer, 400, 'seal_required')
  })
})

test('after all that, a good request is served', async () => {
  const response = await payer.chat({ ...CHAT, max_tokens: 2 })
  expect(response.status).toBe(200)
  credited = (await payer.read()).available
})
