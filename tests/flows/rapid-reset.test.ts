import { once } from 'node:events'
import { connect as connectHttp2, constants } from 'node:http2'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Handler } from '#enclave-runner/serve/handler.ts'
import type { HttpResponse } from '#enclave-runner/serve/http.ts'
import { createTunnelServer, type TunnelServer } from '#enclave-runner/tunnel/tunnel-server.ts'
import { openTunnelSession, type TunnelSession } from '#gateway/node/tunnel/tunnel-session.ts'
import type { Call } from '#gateway/relay/ports.ts'

/** A gateway's end of a tunnel and a runner's, of the real code, over one loopback connection. */
const CROWD = 4_000
const FEW = 8
const TARGET = { kind: 'tunnel', runner: 'run_1' } as const

let listener: Server
const sockets: Socket[] = []
/** Answers that the runner has begun, by path. */
const answers = new Map<string, HttpResponse>()

beforeEach(async () => {
  listener = createServer()
  listener.listen(0, '127.0.0.1')
  await once(listener, 'listening')
  answers.clear()
})
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy()
  await new Promise((resolve) => listener.close(resolve))
})

/** A runner of so many places whose every answer begins and waits. */
function openRunner(capacity: number): TunnelServer {
  const handler: Pick<Handler, 'handle'> = {
    handle: (request, response) => {
      answers.set(request.url ?? '', response)
      request.resume()
      response.writeHead(200, {})
      response.write(new Uint8Array(1))
    },
  }
  return createTunnelServer(handler, capacity)
}

async function connectPair(): Promise<{ readonly gateway: Socket; readonly runner: Socket }> {
  // Sound: a listening TCP server has an address with a port.
  const { port } = listener.address() as { port: number }
  const runner = connect(port, '127.0.0.1')
  const [[gateway]] = (await Promise.all([
    once(listener, 'connection'),
    once(runner, 'connect'),
  ])) as [[Socket], unknown]
  for (const socket of [gateway, runner]) socket.on('error', () => {})
  sockets.push(gateway, runner)
  return { gateway, runner }
}

async function openTunnel(tunnels: TunnelServer): Promise<TunnelSession> {
  const { gateway, runner } = await connectPair()
  void tunnels.serve(runner)
  return openTunnelSession(gateway, { nowMs: () => performance.now(), onEnd: () => {} })
}

/** Asks, and resolves when the first byte is here. */
function ask(session: TunnelSession, path: string, body: Uint8Array | null = null) {
  const begun = Promise.withResolvers<void>()
  const ended = Promise.withResolvers<'whole' | 'cut'>()
  const sent = session.send(
    'run_1',
    { target: TARGET, method: body === null ? 'GET' : 'POST', path, headers: {}, body },
    {
      head: () => {},
      data: () => begun.resolve(),
      end: () => ended.resolve('whole'),
      broken: () => {
        begun.resolve()
        ended.resolve('cut')
      },
    },
  )
  const call: Call | undefined = typeof sent === 'string' ? undefined : sent
  return { sent, call, begun: begun.promise, ended: ended.promise }
}

describe('a tunnel', () => {
  test('outlives thousands of clients that leave at once: who stays has a whole answer', async () => {
    const session = await openTunnel(openRunner(CROWD))
    const stays = ask(session, '/stays')
    const crowd = Array.from({ length: CROWD }, (_, i) => ask(session, `/${i}`))
    await Promise.all([stays, ...crowd].map(({ begun }) => begun))
    for (const { call } of crowd) call?.abort()
    // The runner hears of each.
    for (let i = 0; i < CROWD; i++) {
      while (answers.get(`/${i}`)?.destroyed !== true) {
        if (answers.get('/stays')?.destroyed === true) throw new Error('the tunnel was cut')
        await new Promise(setImmediate)
      }
    }
    const after = ask(session, '/after')
    await after.begun
    for (const path of ['/stays', '/after']) answers.get(path)?.end()
    expect(await stays.ended).toBe('whole')
    expect(await after.ended).toBe('whole')
    session.destroy()
  })
})

describe('bodies and answers larger than what connections keep', () => {
  test('pass each other: neither end waits for the other to read', async () => {
    const runner = createTunnelServer({ handle: answerAtOnce }, CROWD)
    const session = await openTunnel(runner)
    const body = new Uint8Array(LARGE)
    const all = Array.from({ length: 24 }, (_, i) => ask(session, `/${i}`, body))
    for (const { ended } of all) expect(await ended).toBe('whole')
    session.destroy()
  })

  const LARGE = 4 * 1024 * 1024
  /** Answers before it has read, and ends when it has. */
  const answerAtOnce: Handler['handle'] = (request, response) => {
    response.writeHead(200, {})
    const piece = new Uint8Array(64 * 1024)
    let left = LARGE
    const more = (): void => {
      while (left > 0) {
        left -= piece.length
        if (!response.write(piece)) return
      }
      response.end()
    }
    response.on('drain', more)
    more()
    request.resume()
  }
})

describe('an answer that the gateway cuts with its tunnel', () => {
  test('is not taken for a whole one', async () => {
    const session = await openTunnel(openRunner(FEW))
    const cut = ask(session, '/cut')
    await cut.begun
    session.destroy()
    expect(await cut.ended).toBe('cut')
  })
})

describe('clients that ask and leave faster than a runner takes it', () => {
  /** Twice as often as the runner's budget allows in a burst. */
  const LEAVE = 5_000
  test('have their streams broken at its pace: the tunnel and the others’ answers stay', async () => {
    const session = await openTunnel(openRunner(FEW))
    const stays = ask(session, '/stays')
    await stays.begun
    let taken = 0
    for (let i = 0; i < LEAVE; i++) {
      const { sent, call, begun } = ask(session, `/${i}`)
      if (call === undefined) {
        // Busy, at no harm to the runner's name: it is there.
        expect(sent).toBe('full')
        continue
      }
      await begun
      call.abort()
      taken++
    }
    // Once those whom nobody waits for have half of its places, more are refused.
    expect(taken).toBeGreaterThan(1_000)
    expect(taken).toBeLessThan(2_000)
    const abandoned = [...answers].filter(
      ([path, { destroyed }]) => path !== '/stays' && !destroyed,
    )
    expect(abandoned.length).toBeGreaterThan(FEW)
    session.tick()
    for (const [, answer] of abandoned) while (!answer.destroyed) await new Promise(setImmediate)
    const after = ask(session, '/after')
    await after.begun
    for (const path of ['/stays', '/after']) answers.get(path)?.end()
    expect(await stays.ended).toBe('whole')
    expect(await after.ended).toBe('whole')
    session.destroy()
  })
})

describe('a gateway that opens streams only to reset them (HTTP/2 rapid reset)', () => {
  test('is cut off; another gateway’s answers go on', async () => {
    const tunnels = openRunner(FEW)
    const honest = await openTunnel(tunnels)
    const stays = ask(honest, '/stays')
    await stays.begun
    const { gateway, runner } = await connectPair()
    void tunnels.serve(runner)
    const hostile = connectHttp2('http://runner', { createConnection: () => gateway })
    hostile.on('error', () => {})
    let opened = 0
    while (!hostile.destroyed) {
      for (let i = 0; i < 500 && !hostile.closed; i++, opened++) {
        const stream = hostile.request({ ':path': `/hostile/${opened}` })
        stream.on('error', () => {})
        stream.close(constants.NGHTTP2_CANCEL)
      }
      await new Promise(setImmediate)
      expect(opened).toBeLessThan(1_000_000)
    }
    answers.get('/stays')?.end()
    expect(await stays.ended).toBe('whole')
    honest.destroy()
  })
})
