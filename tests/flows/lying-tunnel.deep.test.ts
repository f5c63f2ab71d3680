import { once } from 'node:events'
import { createServer, request as httpRequest, type Server } from 'node:http'
import {
  type ClientHttp2Session,
  connect as connectHttp2,
  type IncomingHttpHeaders,
  performServerHandshake,
  type ServerHttp2Stream,
} from 'node:http2'
import type { AddressInfo, Socket } from 'node:net'
import type { Writable } from 'node:stream'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Runner } from '#enclave-runner/main.ts'
import { EagerSocket } from '#gateway/node/tunnel/eager-socket.ts'
import { MODEL, startTestWorld, type TestWorld } from '#gateway/testing/world.ts'
import { mutateBytes } from '../fuzz/engine/mutate-bytes.ts'
import { createRandom } from '../fuzz/engine/random.ts'
import { Payer } from '../support/account.ts'
import { tokensIn } from '../support/read-stream.ts'
import { awaitAvailable, startRealRunner } from '../support/real-runner.ts'

/**
 * A real gateway and a real runner, and between them somebody who holds both ends of their tunnel's HTTP/2: to the runner he
 * is a gateway that sends broken bodies, to the gateway a runner that sends broken answers.
 */
const ROUNDS = 100
const SEED = 20_260_729
const MAX_BYTES = 1 << 20

type Bytes = Uint8Array<ArrayBuffer>
type Change = (body: Bytes) => Bytes

const same: Change = (body) => body
const pieces = createRandom(SEED)
const lies: { request: Change; answer: Change } = { request: same, answer: same }
/** Sealed bodies that passed. */
let sealed = 0

let world: TestWorld
let runner: Runner
let payer: Payer
let middle: Server
const sockets = new Set<Socket>()

beforeAll(async () => {
  world = await startTestWorld()
  const { id, key } = await world.account(1_000_000_000n)
  payer = new Payer(world.gateway.origin, key, id)
  middle = await startMiddle(world.gateway.origin)
  // Sound: a listening TCP server has an address with a port.
  const { port } = middle.address() as AddressInfo
  runner = await startRealRunner(world.tee, [`http://127.0.0.1:${port}`])
  await awaitAvailable(world.gateway.origin, 1)
}, 120_000)
afterAll(async () => {
  await runner?.close(0)
  for (const socket of sockets) socket.destroy()
  middle?.closeAllConnections()
  middle?.close()
  await world?.close()
})

test.each([
  ['a gateway that sends a runner', 'request', false],
  ['a gateway that sends a runner', 'request', true],
  ['a runner that sends a gateway', 'answer', false],
  ['a runner that sends a gateway', 'answer', true],
] as const)(
  '%s broken bodies (%s, streamed: %s): every request ends, and a good one after it is served',
  async (_, side, stream) => {
    const random = createRandom(SEED)
    const before = sealed
    let other: Bytes = new Uint8Array(1)
    const lie: Change = (body) => {
      const changed = mutateBytes(body, { random, other, dictionary: [other], maxBytes: MAX_BYTES })
      other = body
      return changed
    }
    let refused = 0
    for (let round = 0; round < ROUNDS; round++) {
      lies[side] = lie
      const broken = await ask(stream)
      // Cut answers end too: as an error of the connection.
      const text = await broken.text().catch(() => 'cut')
      lies[side] = same
      expect([200, 502]).toContain(broken.status)
      // A receipt comes after the end of a streamed answer: what breaks it alone leaves an answer whole, and then it is authentic.
      if (!text.includes(stream ? '[DONE]' : '"usage"')) refused++
      else if (stream) expect(tokensIn(text)).toBe(3)
      else expect(text).toContain('"completion_tokens":3')
      const good = await ask(stream)
      expect(good.status).toBe(200)
      expect(await good.text()).toContain(stream ? '[DONE]' : '"completion_tokens":3')
    }
    expect(refused).toBeGreaterThan(ROUNDS / 2)
    expect(sealed - before).toBeGreaterThanOrEqual(2 * ROUNDS)
    await payer.until('nothing is held for what was broken', ({ held }) => held === 0n)
  },
  300_000,
)

const ask = (stream: boolean): Promise<Response> =>
  payer.chat({ model: MODEL, stream, messages: [{ role: 'user', content: 'c3g0' }] })

/** Passes everything on; tunnels by taking their HTTP/2 apart and putting it together again. */
async function startMiddle(target: string): Promise<Server> {
  const server = createServer((request, response) => {
    const { method, headers, url = '/' } = request
    const onward = httpRequest(`${target}${url}`, { method, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers)
      answer.pipe(response)
    })
    onward.on('error', () => response.destroy())
    request.pipe(onward)
  })
  server.on('upgrade', (request, near: Socket) => {
    const { headers, url = '/' } = request
    const onward = httpRequest(`${target}${url}`, { headers })
    onward.on('error', () => near.destroy())
    onward.on('upgrade', (answer, far, head) => void joinTunnels(near, far, answer.headers, head))
    onward.on('response', () => near.destroy())
    onward.end()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return server
}

async function joinTunnels(
  near: Socket,
  far: Socket,
  headers: IncomingHttpHeaders,
  head: Buffer,
): Promise<void> {
  for (const [end, other] of [
    [near, far],
    [far, near],
  ] as const) {
    sockets.add(end)
    end.on('error', () => other.destroy())
    end.on('close', () => other.destroy())
  }
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`)
  near.write(['HTTP/1.1 101 Switching Protocols', ...lines, '\r\n'].join('\r\n'))
  const proof = await readProof(near)
  await new Promise<void>((resolve) => far.write(proof, () => resolve()))
  if (head.length > 0) far.unshift(head)
  const toRunner = connectHttp2('http://runner', { createConnection: () => new EagerSocket(near) })
  const fromGateway = performServerHandshake(new EagerSocket(far))
  toRunner.on('error', () => near.destroy())
  fromGateway.on('error', () => far.destroy())
  fromGateway.on('stream', (stream, asked) => void pass(toRunner, stream, asked))
}

/** The runner's line that proves its key; what follows is HTTP/2. */
async function readProof(socket: Socket): Promise<Buffer> {
  let received = Buffer.alloc(0)
  for (;;) {
    const [piece] = (await once(socket, 'data')) as [Buffer]
    socket.pause()
    received = Buffer.concat([received, piece])
    const end = received.indexOf('\n') + 1
    if (end > 0) {
      if (end < received.length) socket.unshift(received.subarray(end))
      return received.subarray(0, end)
    }
    socket.resume()
  }
}

async function pass(
  toRunner: ClientHttp2Session,
  stream: ServerHttp2Stream,
  asked: IncomingHttpHeaders,
): Promise<void> {
  stream.on('error', () => {})
  const { 'content-length': _, ...headers } = asked
  const isSealed = asked[':method'] === 'POST'
  const body = await readAll(stream)
  const onward = toRunner.request(headers, { endStream: !isSealed })
  onward.on('error', () => stream.close())
  stream.on('close', () => onward.close())
  if (isSealed) {
    sealed++
    void sendInPieces(onward, lies.request(body))
  }
  const [{ 'content-length': __, ...answered }] = (await once(onward, 'response').catch(() => [
    { ':status': 502 },
  ])) as [IncomingHttpHeaders]
  const answer = await readAll(onward)
  if (stream.destroyed) return
  stream.respond(answered)
  await sendInPieces(stream, isSealed ? lies.answer(answer) : answer)
}

/** In up to four pieces that need not arrive together. */
async function sendInPieces(stream: Writable, body: Bytes): Promise<void> {
  const ends = Array.from({ length: 3 }, () => pieces.int(body.length + 1)).sort((a, b) => a - b)
  let from = 0
  for (const end of ends) {
    if (end > from && !stream.destroyed) stream.write(body.subarray(from, end))
    from = end
    await new Promise(setImmediate)
  }
  if (!stream.destroyed) stream.end(body.subarray(from))
}

async function readAll(stream: AsyncIterable<Buffer>): Promise<Bytes> {
  const parts: Buffer[] = []
  try {
    for await (const part of stream) parts.push(part)
  } catch {
    // What was broken off is passed on as far as it came.
  }
  return new Uint8Array(Buffer.concat(parts))
}
