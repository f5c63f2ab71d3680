import { connect } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startTestRunner, type TestRunner } from '../testing/test-runner.ts'
import { MODEL, startTestWorld, type TestAccount, type TestWorld } from '../testing/world.ts'

/**
 * Requests whose end two parsers could see in different places. Each carries a second one inside, which must never be
 * answered: a proxy in front would give that answer to somebody else.
 */
let world: TestWorld
let runner: TestRunner
let account: TestAccount

const FUNDS = 1_000_000n

beforeAll(async () => {
  world = await startTestWorld()
  runner = await startTestRunner(world)
  account = await world.account(FUNDS)
})
afterAll(async () => {
  await runner?.close()
  await world?.close()
})

const INSIDE = 'GET /health HTTP/1.1\r\nhost: x\r\n\r\n'
const CHUNKED = 'transfer-encoding: chunked'
const SEALED = (): string => `/runners/${runner.id}/v1/chat/completions`

/** Sends bytes, all of them, and reads until the server closes. */
function talk(bytes: string, isAll = true): Promise<string> {
  return new Promise((resolve) => {
    const { hostname, port } = new URL(world.gateway.origin)
    const socket = connect(Number(port), hostname)
    let text = ''
    socket.on('data', (part) => {
      text += part.toString('latin1')
    })
    // A server that refuses while we still write may reset the connection.
    socket.on('error', () => {})
    socket.on('close', () => resolve(text))
    socket.write(Buffer.from(bytes, 'latin1'))
    if (isAll) socket.end()
  })
}

const statuses = (text: string): string[] =>
  [...text.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status = '']) => status)

const head = (path: string, lines: readonly string[]): string =>
  [
    `POST ${path} HTTP/1.1`,
    'host: x',
    `authorization: Bearer ${account.key}`,
    ...lines,
    '',
    '',
  ].join('\r\n')

const CORPUS: readonly (readonly [string, readonly string[], string])[] = [
  ['both lengths', ['content-length: 6', CHUNKED], `0\r\n\r\n${INSIDE}`],
  [
    'both lengths, the other way',
    [CHUNKED, 'content-length: 4'],
    `${INSIDE.length.toString(16)}\r\n${INSIDE}\r\n0\r\n\r\n`,
  ],
  ['two lengths', ['content-length: 0', `content-length: ${INSIDE.length}`], INSIDE],
  ['two equal lengths', ['content-length: 0', 'content-length: 0'], INSIDE],
  ['a list of lengths', [`content-length: 0, ${INSIDE.length}`], INSIDE],
  ['a signed length', [`content-length: +${INSIDE.length}`], INSIDE],
  ['a negative length', ['content-length: -1'], INSIDE],
  ['a length in hex', ['content-length: 0x10'], INSIDE],
  ['a length beyond 2^64', ['content-length: 18446744073709551616'], INSIDE],
  ['a length with a space inside', ['content-length: 1 0'], INSIDE],
  ['a space before the colon', [`content-length : ${INSIDE.length}`], INSIDE],
  ['a folded length', ['content-length:', ` ${INSIDE.length}`], INSIDE],
  ['a folded encoding', ['transfer-encoding:', ' chunked'], `0\r\n\r\n${INSIDE}`],
  ['a folded header before the length', ['x-a: b', ' c', 'content-length: 0'], INSIDE],
  ['an encoding that is not chunked', ['transfer-encoding: xchunked'], `0\r\n\r\n${INSIDE}`],
  ['an encoding after chunked', ['transfer-encoding: chunked, identity'], `0\r\n\r\n${INSIDE}`],
  ['chunked twice', [CHUNKED, CHUNKED], `0\r\n\r\n${INSIDE}`],
  ['an encoding behind a vertical tab', ['transfer-encoding: \u000bchunked'], `0\r\n\r\n${INSIDE}`],
  ['an encoding after a bare line feed', [`x-a: b\n${CHUNKED}`], `0\r\n\r\n${INSIDE}`],
  ['a length after a bare carriage return', [`x-a: b\rcontent-length: 0`], INSIDE],
  ['a NUL in a header', ['x-a: b\u0000c', 'content-length: 0'], INSIDE],
  ['a line without a colon', ['nonsense', 'content-length: 0'], INSIDE],
  ['an empty name', [': x', 'content-length: 0'], INSIDE],
  ['a chunk with a signed size', [CHUNKED], `+0\r\n\r\n${INSIDE}`],
  ['a chunk with a hex prefix', [CHUNKED], `0x0\r\n\r\n${INSIDE}`],
  ['a chunk whose size overflows', [CHUNKED], `fffffffffffffffff\r\n${INSIDE}`],
  ['a chunk that ends in a bare line feed', [CHUNKED], `0\n\n${INSIDE}`],
  ['a chunk longer than its size', [CHUNKED], `1\r\nabc\r\n0\r\n\r\n${INSIDE}`],
  ['a bare line feed in a chunk extension', [CHUNKED], `0;a\nb\r\n\r\n${INSIDE}`],
]

describe.each<[string, () => string]>([
  ['the gateway’s own address', () => '/v1/chat/completions'],
  ['a runner’s address', SEALED],
  ['a route of the app', () => '/v1/accounts'],
])('at %s', (_, path) => {
  test.each(CORPUS)(
    '%s: one refusal, and nothing inside it is served',
    async (_name, lines, body) => {
      const text = await talk(head(path(), lines) + body)
      const [first, ...others] = statuses(text)
      expect(first?.charAt(0)).toBe('4')
      expect(others.filter((status) => status === '200')).toEqual([])
      expect(text).not.toContain('"status":"ok"')
    },
  )
})

test.each([
  ['two hosts', ['host: x', 'host: y']],
  ['the same host twice', ['host: x', 'Host: x']],
  ['a host with a space inside', ['host: x y']],
  ['a host with a user', ['host: u@x']],
  ['a host with a path', ['host: x/y']],
  ['no host', []],
])('%s: one refusal, wherever it goes', async (_name, hosts) => {
  for (const path of ['/health', '/v1/models', '/runners/run_x/v1/models']) {
    const text = await talk(
      [`GET ${path} HTTP/1.1`, ...hosts, 'connection: close', '', ''].join('\r\n'),
      false,
    )
    expect(statuses(text)).toEqual(['400'])
    expect(text).toContain('"code":"invalid_request"')
  }
})

test.each(['', 'x', 'x.example:8787', '127.0.0.1:1', '[::1]:8787', 'run-1.x_y.example'])(
  'the host "%s" is one',
  async (host) => {
    const text = await talk(
      `GET /health HTTP/1.1\r\nhost: ${host}\r\nconnection: close\r\n\r\n`,
      false,
    )
    expect(statuses(text)).toEqual(['200'])
  },
)

test('a length that is honest, and a body that looks like a request: one answer', async () => {
  const text = await talk(head('/v1/accounts', [`content-length: ${INSIDE.length}`]) + INSIDE)
  expect(statuses(text)).toEqual(['400'])
})

test('two honest requests in one packet: two answers, in order', async () => {
  const body = JSON.stringify({
    model: MODEL,
    messages: [{ role: 'user', content: 'hi' }],
    max_tokens: 10,
  })
  const ask = head('/v1/chat/completions', [`content-length: ${body.length}`]) + body
  const last = INSIDE.replace('host: x', 'host: x\r\nconnection: close')
  const text = await talk(ask + last, false)
  expect(statuses(text)).toEqual(['200', '200'])
  expect(text.indexOf('chat.completion')).toBeLessThan(text.indexOf('"status":"ok"'))
})
