import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { freePort, startServer, type TestServer } from './testing/server.ts'
import { createWire, type Wire } from './wire.ts'
import type { WireAnswer } from './wire-protocol.ts'

/** Bytes between a gateway and its server, which a test may cut in either direction. */
interface Line {
  readonly url: string
  /** From the next message on: `before` it reaches the server, or `after`, when its answer comes back. */
  cut(when: 'before' | 'after'): void
  /** Likewise, and nobody is told: what is open stays open and carries nothing. */
  silence(when: 'before' | 'after'): void
  close(): Promise<void>
}

/** Ten times what a statement takes on a busy machine. */
const ANSWER_MS = 3_000

let server: TestServer
let direct: string
let line: Line
let wire: Wire

beforeAll(async () => {
  server = await startServer()
  direct = await server.database('wires')
}, 60_000)
afterAll(() => server.close())

beforeEach(async () => {
  line = await openLine(direct)
  const deps = {
    now: () => performance.now(),
    wait: async (ms: number) => void (await wait(ms)),
    patience: ANSWER_MS,
  }
  wire = createWire(line.url, 'test', deps)
  await ok({ ask: 'script', sql: 'DROP TABLE IF EXISTS t; CREATE TABLE t (x BIGINT)' })
  return async () => {
    await wire.answer({ ask: 'close' })
    await line.close()
  }
})

async function ok(request: Parameters<Wire['answer']>[0]): Promise<WireAnswer & { ok: true }> {
  const answer = await wire.answer(request)
  if (!answer.ok) throw new Error(answer.message)
  return answer
}

async function insert(x: number): Promise<string> {
  const began = await ok({ ask: 'begin', sql: 'BEGIN; SELECT pg_current_xact_id()::text' })
  await ok({ ask: 'query', sql: 'INSERT INTO t VALUES ($1)', params: [x] })
  return String(began.rows[0]?.[0])
}

async function rows(): Promise<number> {
  const { rows } = await ok({ ask: 'query', sql: 'SELECT COUNT(*) FROM t', params: [] })
  return Number(rows[0]?.[0])
}

describe('a connection that breaks', () => {
  test('after COMMIT arrived: the server is asked, and the transaction counts', async () => {
    const id = await insert(1)
    line.cut('after')
    expect(await wire.answer({ ask: 'commit', id })).toMatchObject({ ok: true })
    expect(await rows()).toBe(1)
  }, 60_000)

  test('before COMMIT arrived: the transaction does not count, and is said to be lost', async () => {
    const id = await insert(1)
    line.cut('before')
    expect(await wire.answer({ ask: 'commit', id })).toMatchObject({ ok: false, code: 'lost' })
    expect(await wire.answer({ ask: 'rollback' })).toMatchObject({ ok: true })
    expect(await rows()).toBe(0)
  }, 60_000)

  test('inside a transaction: nothing of it is done on the next connection', async () => {
    await insert(1)
    line.cut('before')
    const second = { ask: 'query', sql: 'INSERT INTO t VALUES (2)', params: [] } as const
    expect(await wire.answer(second)).toMatchObject({ ok: false, code: 'lost' })
    expect(await wire.answer(second)).toMatchObject({ ok: false, code: 'lost' })
    expect(await wire.answer({ ask: 'rollback' })).toMatchObject({ ok: true })
    expect(await rows()).toBe(0)
  }, 60_000)
})

describe('a connection that falls silent', () => {
  test('after COMMIT arrived: the server is asked by another one, and the transaction counts', async () => {
    const id = await insert(1)
    line.silence('after')
    expect(await wire.answer({ ask: 'commit', id })).toMatchObject({ ok: true })
    expect(await rows()).toBe(1)
  }, 60_000)

  test('inside a transaction: is given up, and nothing of it counts', async () => {
    await insert(1)
    line.silence('before')
    const second = { ask: 'query', sql: 'INSERT INTO t VALUES (2)', params: [] } as const
    expect(await wire.answer(second)).toMatchObject({ ok: false, code: 'lost' })
    expect(await wire.answer({ ask: 'rollback' })).toMatchObject({ ok: true })
    expect(await rows()).toBe(0)
  }, 60_000)
})

test('errors name constraints and codes, and hold no value', async () => {
  await ok({ ask: 'script', sql: 'ALTER TABLE t ADD CONSTRAINT t_small CHECK (x < 10)' })
  const sql = 'INSERT INTO t VALUES ($1)'
  const refused = await wire.answer({ ask: 'query', sql, params: [424_242] })
  expect(refused).toMatchObject({ ok: false, code: 'refused' })
  expect(JSON.stringify(refused)).toContain('t_small')
  const malformed = await wire.answer({ ask: 'query', sql, params: ['secret 424242'] })
  expect(malformed).toMatchObject({ ok: false, code: 'refused' })
  expect(JSON.stringify([refused, malformed])).not.toContain('424242')
  expect(JSON.stringify([refused, malformed])).not.toContain('424_242')
})

async function openLine(url: string): Promise<Line> {
  const target = new URL(url)
  const there = Number(target.port)
  const sockets = new Set<Socket>()
  let cut: 'before' | 'after' | undefined
  const silent = new Set<Socket>()
  let silence: 'before' | 'after' | undefined
  const end = (...both: Socket[]) => {
    cut = undefined
    for (const socket of both) socket.destroy()
  }
  const proxy = createServer((near) => {
    const far = connect(there, target.hostname)
    for (const socket of [near, far]) {
      sockets.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => near.destroy())
      socket.on('close', () => far.destroy())
    }
    const pass = (when: 'before' | 'after', to: Socket) => (bytes: Buffer) => {
      if (silence === when) {
        silence = undefined
        silent.add(near)
      }
      if (silent.has(near)) return
      if (cut === when) end(near, far)
      else to.write(bytes)
    }
    near.on('data', pass('before', far))
    far.on('data', pass('after', near))
  })
  const port = await freePort()
  proxy.listen(port, '127.0.0.1')
  await once(proxy, 'listening')
  target.port = String(port)
  return {
    url: target.href,
    cut: (when) => {
      cut = when
    },
    silence: (when) => {
      silence = when
    },
    async close() {
      for (const socket of sockets) socket.destroy()
      proxy.close()
      await once(proxy, 'close')
    },
  }
}
