import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { connect, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { afterEach, describe, expect, test } from 'vitest'
import { selfSigned } from '../testing/certificate.ts'
import { type HttpServer, openHttpServer, type RequestHandler } from './http-server.ts'

const MOST = 8
const GET = 'GET / HTTP/1.1\r\nhost: x\r\n\r\n'
/** Never ended. */
const HALF = 'GET / HTTP/1.1\r\nhost: x\r\n'

let server: HttpServer
const sockets: Socket[] = []
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy()
  await server.close(0)
})

async function open(handler: RequestHandler, certificate?: { cert: string; key: string }) {
  server = await openHttpServer({
    host: '127.0.0.1',
    port: 0,
    handler,
    certificate,
    maxConnections: MOST,
  })
}

const port = (): number => Number(new URL(server.origin).port)

/** A connection that says `bytes`. */
async function say(bytes: string): Promise<Socket> {
  const socket = connect(port(), '127.0.0.1')
  sockets.push(socket)
  socket.on('error', () => {})
  await once(socket, 'connect')
  socket.write(bytes)
  return socket
}

/** What a connection is told first. */
async function told(socket: Socket): Promise<string> {
  const [bytes] = await Promise.race([once(socket, 'data'), once(socket, 'close').then(() => [''])])
  return String(bytes)
}

const quick: RequestHandler = (_, response) => response.end('served')

describe('more connections than a listener may hold', () => {
  test.each([
    ['say nothing', ''],
    ['never end their heads', HALF],
  ])('that %s: the oldest of them go, and who asks is served', async (_, bytes) => {
    await open(quick)
    const silent: Socket[] = []
    for (let i = 0; i < MOST; i++) silent.push(await say(bytes))
    const [oldest] = silent
    if (oldest === undefined) throw new TypeError('none was opened')
    const ended = once(oldest, 'close')
    for (let i = 0; i < 3; i++) expect(await told(await say(GET))).toContain('served')
    await ended
    expect(silent.filter(({ destroyed }) => !destroyed).length).toBeGreaterThanOrEqual(MOST - 3)
  })

  test('with requests under way: the newest is refused, and served once there is room', async () => {
    const waiting: ServerResponse[] = []
    const full = Promise.withResolvers<void>()
    await open((_, response) => {
      waiting.push(response)
      if (waiting.length >= MOST) full.resolve()
    })
    const busy = await Promise.all(Array.from({ length: MOST }, () => say(GET)))
    await full.promise
    const refused = await say(GET)
    const closed = once(refused, 'close')
    const answer = await told(refused)
    expect(answer).toMatch(/^HTTP\/1\.1 503 /)
    expect(answer).toContain('"code":"overloaded"')
    expect(answer.toLowerCase()).toContain('retry-after:')
    await closed
    expect(waiting.length).toBe(MOST)
    // Those who were at work were not touched.
    const answers = Promise.all(busy.map(told))
    for (const response of waiting.splice(0)) response.end('served')
    for (const text of await answers) expect(text).toContain('served')
    const next = told(await say(GET))
    while (waiting.length === 0) await new Promise(setImmediate)
    waiting[0]?.end('served')
    expect(await next).toContain('served')
  })

  test('with two requests in one packet: not idle between their answers', async () => {
    const waiting: ServerResponse[] = []
    await open((_, response) => void waiting.push(response))
    const pipelined = await say(GET + GET)
    while (waiting.length < 2) await new Promise(setImmediate)
    waiting[0]?.end('first')
    expect(await told(pipelined)).toContain('first')
    for (let i = 0; i < 2 * MOST; i++) await say('')
    const rest = told(pipelined)
    waiting[1]?.end('second')
    expect(await rest).toContain('second')
  })

  test('without a TLS handshake: who makes one is served', async () => {
    await open(quick, await selfSigned('localhost'))
    for (let i = 0; i < MOST; i++) await say('')
    const socket = connectTls({ port: port(), host: '127.0.0.1', rejectUnauthorized: false })
    sockets.push(socket)
    await once(socket, 'secureConnect')
    socket.write(GET)
    expect(await told(socket)).toContain('served')
  })
})
