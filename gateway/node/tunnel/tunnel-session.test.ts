import { once } from 'node:events'
import { createServer as createHttp2, type Http2Server, type ServerHttp2Session } from 'node:http2'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Breakage, Call, Incoming } from '../../relay/ports.ts'
import { openTunnelSession, type TunnelEnd, type TunnelSession } from './tunnel-session.ts'

/** One connection: the gateway's end, and the end of whoever claims to be a runner. */
interface Pair {
  readonly near: Socket
  readonly far: Socket
}

let listener: Server
const sockets: Socket[] = []

beforeEach(async () => {
  listener = createServer()
  listener.listen(0, '127.0.0.1')
  await once(listener, 'listening')
})
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy()
  await new Promise((resolve) => listener.close(resolve))
})

async function connectPair(): Promise<Pair> {
  // Sound: a listening TCP server has an address with a port.
  const { port } = listener.address() as { port: number }
  const far = connect(port, '127.0.0.1')
  const [near] = (await once(listener, 'connection')) as [Socket]
  far.on('error', () => {})
  sockets.push(near, far)
  return { near, far }
}

interface Opened {
  readonly session: TunnelSession
  readonly ended: Promise<void>
  readonly peer: ServerHttp2Session
}

async function openWith(server: Http2Server, nowMs: () => number = () => 0): Promise<Opened> {
  const { near, far } = await connectPair()
  const ended = Promise.withResolvers<void>()
  const session = openTunnelSession(near, { nowMs, onEnd: () => ended.resolve() })
  const started = once(server, 'session')
  server.on('sessionError', () => {})
  server.emit('connection', far)
  const [peer] = (await started) as [ServerHttp2Session]
  peer.on('error', () => {})
  return { session, ended: ended.promise, peer }
}

interface Answer {
  readonly status: number
  readonly bytes: number
  readonly broken: Breakage | undefined
}

/** Sends one request and collects its answer. */
function ask(session: TunnelSession, path: string, body: Uint8Array | null = null) {
  const ended = Promise.withResolvers<Answer>()
  let status = 0
  let bytes = 0
  const incoming: Incoming = {
    head: (code) => {
      status = code
    },
    data: (chunk) => {
      bytes += chunk.length
    },
    end: () => ended.resolve({ status, bytes, broken: undefined }),
    broken: (how) => ended.resolve({ status, bytes, broken: how }),
  }
  const target = { kind: 'tunnel', runner: 'run_1' } as const
  const sent: Call | Breakage = session.send(
    'run_1',
    { target, method: body === null ? 'GET' : 'POST', path, headers: {}, body },
    incoming,
  )
  const call = typeof sent === 'string' ? undefined : sent
  if (typeof sent === 'string') ended.resolve({ status, bytes, broken: sent })
  return { call, answer: ended.promise, received: () => bytes }
}

/** Answers each path with what it names: `/bytes/1000`. */
function byteServer(): Http2Server {
  const server = createHttp2({ maxSessionMemory: 512 })
  server.on('stream', (stream, headers) => {
    stream.on('error', () => {})
    const size = Number(headers[':path']?.split('/').at(-1))
    stream.resume()
    stream.on('end', () => {
      stream.respond({ ':status': 200 })
      stream.end(new Uint8Array(size))
    })
  })
  return server
}

/** Together they hold more than a flood may have. */
const SLOW = 64
const MIB = 1024 * 1024

describe('a tunnel carries', () => {
  test('1,000 streams at once, each whole, with their bodies', async () => {
    const { session } = await openWith(byteServer())
    const body = new Uint8Array(2_000)
    const answers = await Promise.all(
      Array.from({ length: 1_000 }, (_, i) => ask(session, `/bytes/${i * 10}`, body).answer),
    )
    expect(answers.every(({ status, broken }) => status === 200 && broken === undefined)).toBe(true)
    expect(answers.map(({ bytes }) => bytes)).toEqual(answers.map((_, i) => i * 10))
  })

  test('a body of 32 MiB', async () => {
    const { session } = await openWith(byteServer())
    const { answer } = ask(session, '/bytes/5', new Uint8Array(32 * 1024 * 1024))
    expect(await answer).toEqual({ status: 200, bytes: 5, broken: undefined })
  })

  test('answers beside more bytes of bodies than it may keep', async () => {
    const server = createHttp2({ maxSessionMemory: 512 })
    server.on('stream', (stream, headers) => {
      stream.on('error', () => {})
      stream.respond({ ':status': 200 })
      if (headers[':path'] === '/quick') stream.end('quick')
      else stream.resume()
    })
    const { session } = await openWith(server)
    const body = new Uint8Array(16 * MIB)
    const large = Array.from({ length: 36 }, () => ask(session, '/large', body))
    expect(await ask(session, '/quick').answer).toMatchObject({ bytes: 5, broken: undefined })
    for (const { call } of large) call?.abort()
  })

  test('streams whose readers wait, without holding up the others or memory', async () => {
    const server = createHttp2()
    const written = { bytes: 0 }
    server.on('stream', (stream, headers) => {
      stream.on('error', () => {})
      stream.respond({ ':status': 200 })
      if (headers[':path'] !== '/endless') {
        stream.end('quick')
        return
      }
      const chunk = new Uint8Array(65_536)
      const fill = (): void => {
        while (!stream.destroyed && stream.write(chunk)) written.bytes += chunk.length
      }
      stream.on('drain', fill)
      fill()
    })
    const { session } = await openWith(server)
    const slow = Array.from({ length: SLOW }, () => ask(session, '/endless'))
    for (const { call } of slow) call?.pause()
    for (let i = 0; i < 200; i++) {
      expect(await ask(session, '/quick').answer).toMatchObject({ status: 200, bytes: 5 })
      // What waits for its reader is content, and no flood.
      session.tick()
    }
    expect(written.bytes).toBeLessThan(SLOW * MIB)
    for (const { call } of slow) call?.abort()
  })

  test('a client’s departure to the runner at once', async () => {
    const server = createHttp2()
    const left = Promise.withResolvers<void>()
    server.on('stream', (stream) => {
      stream.respond({ ':status': 200 })
      stream.write('first')
      stream.on('error', () => {})
      stream.on('close', () => left.resolve())
    })
    const { session } = await openWith(server)
    const { call, received } = ask(session, '/')
    while (received() === 0) await new Promise(setImmediate)
    call?.abort()
    await left.promise
  })
})

describe('a runner that is lost', () => {
  test.each([
    ['its connection', (peer: ServerHttp2Session) => peer.socket.destroy()],
    ['its session', (peer: ServerHttp2Session) => peer.destroy()],
  ])('in the middle of an answer breaks it: %s', async (_, lose) => {
    const server = createHttp2()
    server.on('stream', (stream) => {
      stream.respond({ ':status': 200 })
      stream.write('first')
      stream.on('error', () => {})
    })
    const { session, peer, ended } = await openWith(server)
    const { answer, received } = ask(session, '/')
    while (received() === 0) await new Promise(setImmediate)
    lose(peer)
    expect(await answer).toMatchObject({ bytes: 5, broken: 'broken' })
    await ended
  })

  test('without a word is noticed by its silence', async () => {
    const { near, far } = await connectPair()
    far.resume()
    const ended = Promise.withResolvers<void>()
    const session = openTunnelSession(near, { nowMs: () => 0, onEnd: () => ended.resolve() })
    const { answer } = ask(session, '/')
    for (let second = 0; second < 16; second++) session.tick()
    await ended.promise
    expect((await answer).broken).toBe('broken')
  })

  test('is not one whose answer to a ping waits behind what it sends', async () => {
    const { near, far } = await connectPair()
    far.resume()
    let hasEnded = false
    const session = openTunnelSession(near, {
      nowMs: () => 0,
      onEnd: () => {
        hasEnded = true
      },
    })
    far.write(SETTINGS)
    for (let second = 0; second < 40 && !hasEnded; second++) {
      const received = near.bytesRead
      far.write(frame(0xee, 0, 0, new Uint8Array(8)))
      while (near.bytesRead === received) await new Promise(setImmediate)
      session.tick()
    }
    expect(hasEnded).toBe(false)
    session.destroy()
  })

  test('that says goodbye gets nothing new and finishes what it has', async () => {
    const server = createHttp2()
    const finish = Promise.withResolvers<void>()
    server.on('stream', async (stream) => {
      stream.respond({ ':status': 200 })
      stream.write('first')
      await finish.promise
      stream.end('last')
    })
    const { session, peer, ended } = await openWith(server)
    const { answer, received } = ask(session, '/')
    while (received() === 0) await new Promise(setImmediate)
    peer.close()
    await ended
    expect(ask(session, '/').call).toBeUndefined()
    finish.resolve()
    expect(await answer).toMatchObject({ bytes: 9, broken: undefined })
  })
})

const HEAD_BYTES = 9
/** One HTTP/2 frame. */
function frame(type: number, flags: number, stream: number, payload: Uint8Array): Buffer {
  const head = Buffer.alloc(HEAD_BYTES)
  head.writeUIntBE(payload.length, 0, 3)
  head.writeUInt8(type, 3)
  head.writeUInt8(flags, 4)
  head.writeUInt32BE(stream, 5)
  return Buffer.concat([head, payload])
}
const SETTINGS = frame(4, 0, 0, new Uint8Array())
const SETTINGS_ACK = frame(4, 1, 0, new Uint8Array())
const PING = frame(6, 0, 0, new Uint8Array(8))
const UNKNOWN = frame(0xee, 0, 0, new Uint8Array(16_000))
const PUSH = frame(5, 4, 1, Buffer.from([0, 0, 0, 2, 0x82, 0x84, 0x86]))

describe('the end of a tunnel is told in one of a few words', () => {
  test.each<[string, (far: Socket) => unknown, TunnelEnd]>([
    ['a connection that broke', (far) => far.resetAndDestroy(), 'reset'],
    ['a connection that was closed', (far) => far.end(), 'closed'],
    [
      'bytes that are no HTTP/2',
      (far) => far.write('HTTP/1.1 400 Bad Request\r\n\r\n'),
      'protocol',
    ],
  ])('%s', async (_, end, word) => {
    const { near, far } = await connectPair()
    far.resume()
    const ended = Promise.withResolvers<TunnelEnd>()
    openTunnelSession(near, { nowMs: () => 0, onEnd: ended.resolve })
    end(far)
    expect(await ended.promise).toBe(word)
    far.destroy()
  })
})

describe('a runner that floods is cut off (H15)', () => {
  test.each([
    ['pings', PING, 200, 'control'],
    ['settings', SETTINGS, 200, 'control'],
    ['frames that mean nothing', UNKNOWN, 1_000, 'overhead'],
  ])('%s', async (_, repeated, times, budget) => {
    const { near, far } = await connectPair()
    far.resume()
    const ended = Promise.withResolvers<TunnelEnd>()
    const cut = new Promise((resolve) => far.once('close', resolve))
    const session = openTunnelSession(near, { nowMs: () => 0, onEnd: ended.resolve })
    far.write(SETTINGS)
    for (let i = 0; i < times; i++) far.write(repeated)
    const tick = setInterval(() => session.tick(), 20)
    expect(await ended.promise).toBe(budget)
    clearInterval(tick)
    await cut
  })

  test('promises of pushes', async () => {
    const { near, far } = await connectPair()
    far.resume()
    const ended = Promise.withResolvers<void>()
    const session = openTunnelSession(near, { nowMs: () => 0, onEnd: () => ended.resolve() })
    const { answer } = ask(session, '/')
    far.write(SETTINGS)
    far.write(SETTINGS_ACK)
    far.write(PUSH)
    await ended.promise
    expect((await answer).broken).toBe('broken')
  })

  test('resets of everything that it is asked', async () => {
    const server = createHttp2()
    server.on('stream', (stream) => {
      stream.on('error', () => {})
      stream.close(2)
    })
    const { session, ended } = await openWith(server)
    let asked = 0
    let last: Breakage | undefined
    while (last !== 'refused') {
      const answers = Array.from({ length: 100 }, () => ask(session, '/').answer)
      last = (await Promise.all(answers)).at(-1)?.broken
      asked += 100
      expect(asked).toBeLessThan(4_000)
    }
    await ended
    expect(asked).toBeGreaterThan(2_000)
  })

  test('an honest stream of small frames is none', async () => {
    const server = createHttp2()
    server.on('stream', async (stream) => {
      stream.respond({ ':status': 200 })
      for (let i = 0; i < 20_000; i++) {
        if (!stream.write(new Uint8Array(64))) await once(stream, 'drain')
      }
      stream.end()
    })
    const { session } = await openWith(server)
    const { answer } = ask(session, '/')
    const tick = setInterval(() => session.tick(), 5)
    expect(await answer).toEqual({ status: 200, bytes: 20_000 * 64, broken: undefined })
    clearInterval(tick)
  })
})
