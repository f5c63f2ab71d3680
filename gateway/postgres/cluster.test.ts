import { once } from 'node:events'
import {
  type AddressInfo,
  createConnection,
  createServer as createTcpServer,
  type Socket,
} from 'node:net'
import { join } from 'node:path'
import { Client } from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { simulationOf } from '#dev/world/simulated-tee.ts'
import { processDeps, type RunningGateway, startGateway } from '../node.ts'
import { startTestRunner, type TestRunner } from '../testing/test-runner.ts'
import {
  ADMIN_KEY,
  MODEL,
  startTestWorld,
  type TestAccount,
  type TestWorld,
} from '../testing/world.ts'
import { createLeader } from './leader.ts'
import { MIGRATIONS } from './testing/open-shared-ledger.ts'
import { freePort, startServer, type TestServer } from './testing/server.ts'

const FUNDS = 1_000_000n
const BODY = { model: MODEL, messages: [{ role: 'user', content: 'hi' }], max_tokens: 100 }
const CEILING_MS = 50_000

let server: TestServer
let url: string
let world: TestWorld
let other: RunningGateway
/** Where the second gateway listens: it bears the first one's name. */
let second: string
let runner: TestRunner
let account: TestAccount
const logged: string[] = []

beforeAll(async () => {
  server = await startServer()
  url = await server.database('cluster')
  world = await startTestWorld({ databaseUrl: url })
  const port = await freePort()
  second = `http://127.0.0.1:${port}`
  other = await startGateway({
    config: {
      ...world.config,
      listen: { host: '127.0.0.1', port },
      publicUrl: world.gateway.origin,
      collateralPath: join(world.config.collateralPath, 'second'),
    },
    deps: {
      ...processDeps(),
      log: (level, message, fields) => logged.push(`${level} ${message} ${JSON.stringify(fields)}`),
      migrations: MIGRATIONS,
      openapi: 'openapi: 3.1.0',
      simulation: await simulationOf(world.tee),
    },
  })
  runner = await startTestRunner(world)
  account = await world.account(FUNDS)
}, 120_000)

afterAll(async () => {
  await runner?.close()
  await other?.close(0)
  await world?.close()
  await server?.close()
})

async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  const ends = performance.now() + CEILING_MS
  while (!(await holds())) {
    if (performance.now() > ends) throw new Error('it never came true')
    await new Promise((next) => setTimeout(next, 50))
  }
}

function ask(origin: string, key = account.key): Promise<Response> {
  return fetch(`${origin}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}` },
    body: JSON.stringify(BODY),
  })
}

async function health(origin: string) {
  const response = await fetch(`${origin}/health`)
  // Sound: both answers of this route have this shape.
  const { status: told } = (await response.json()) as { status: string }
  return { status: response.status, told }
}

async function serves(origin: string): Promise<boolean> {
  const response = await fetch(`${origin}/v1/runners`)
  // Sound: a 200 of this route has this shape.
  const { data } = (await response.json()) as { data: { id: string; available: boolean }[] }
  return data.some(({ id, available }) => id === runner.id && available)
}

describe('two gateways with one database', () => {
  test('a runner that registered at one serves through the other, judged there too', async () => {
    await until(() => serves(second))
    const answers = await Promise.all([ask(world.gateway.origin), ask(second), ask(second)])
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200])
    for (const answer of answers) await answer.text()
  }, 60_000)

  test('every request is charged once, whichever gateway served it or took its receipt', async () => {
    await runner.deliver()
    await until(async () => (await account.balance()).held === 0n)
    await runner.deliver()
    const { available } = await account.balance()
    const [audit] = await world.ledger.commit([{ op: 'audit' }])
    expect(audit.broken).toEqual([])
    expect(audit.available).toBe(available)
    expect(available).toBeLessThan(FUNDS)
  }, 60_000)

  test('a heartbeat counts at both, and a used sequence at neither', async () => {
    expect((await runner.heartbeat({ sequence: 50 })).status).toBe(200)
    expect((await runner.heartbeat({ sequence: 50 })).status).toBe(409)
  })

  test('a drained runner gets nothing from either', async () => {
    const set = (action: string) =>
      fetch(`${second}/admin/runners/${runner.id}/${action}`, {
        method: 'POST',
        headers: { authorization: `Bearer ${ADMIN_KEY}` },
      })
    expect((await set('drain')).status).toBe(200)
    await until(async () => !(await serves(world.gateway.origin)))
    expect((await set('admit')).status).toBe(200)
    await until(() => serves(world.gateway.origin))
  }, 60_000)

  test('a model that one offers is sold by the other', async () => {
    const offered = await fetch(`${second}/admin/models/another-model`, {
      method: 'PUT',
      headers: { authorization: `Bearer ${ADMIN_KEY}` },
      body: JSON.stringify({ name: 'Another', input: '1', cached: '1', output: '2' }),
    })
    expect(offered.status).toBe(200)
    await until(async () => {
      return (await (await fetch(`${world.gateway.origin}/v1/models`)).text()).includes(
        'another-model',
      )
    })
  }, 60_000)

  test('a key that one revoked is refused by the other within seconds', async () => {
    const headers = { authorization: `Bearer ${account.key}` }
    const made = await fetch(`${second}/v1/keys`, {
      method: 'POST',
      headers,
      body: JSON.stringify({ name: 'short-lived' }),
    })
    // Sound: a 201 of this route has this shape.
    const { id, key } = (await made.json()) as { id: string; key: string }
    expect((await ask(world.gateway.origin, key)).status).toBe(200)
    const gone = await fetch(`${second}/v1/keys/${id}`, { method: 'DELETE', headers })
    expect(gone.ok).toBe(true)
    expect((await ask(second, key)).status).toBe(401)
    await until(async () => (await ask(world.gateway.origin, key)).status === 401)
  }, 60_000)
})

describe('a database that goes away', () => {
  test('is a 503 that may be repeated, and everything goes on when it is back', async () => {
    await server.kill()
    await until(async () => (await ask(second)).status === 503)
    const refused = await ask(second)
    expect(refused.status).toBe(503)
    expect(refused.headers.get('retry-after')).toBe('1')
    expect(await refused.json()).toMatchObject({ error: { code: 'overloaded' } })
    await until(async () => (await health(second)).status === 503)
    expect(await health(second)).toEqual({ status: 503, told: 'database_unreachable' })
    await server.start()
    await until(async () => (await health(second)).status === 200)
    await until(async () => (await ask(second)).status === 200)
    await until(async () => (await ask(world.gateway.origin)).status === 200)
    await runner.deliver()
    await until(async () => (await account.balance()).held === 0n)
    const [audit] = await world.ledger.commit([{ op: 'audit' }])
    expect(audit.broken).toEqual([])
  }, 120_000)

  test('leaves no password in any log', () => {
    expect(logged.length + world.logged.length).toBeGreaterThan(0)
    expect([...logged, ...world.logged].join('')).not.toContain(new URL(url).password)
  })
})

test('one of several leads, and another one once its connection ends, whatever ended it', async () => {
  const database = await server.database('leaders')
  const [one, two] = [createLeader(database), createLeader(database)]
  await one.claim()
  await two.claim()
  expect([one.leads(), two.leads()]).toEqual([true, false])
  await one.claim()
  expect(one.leads()).toBe(true)
  await server.disconnect('cocoon leader', 'leaders')
  await until(() => !one.leads())
  await until(async () => {
    await two.claim().catch(() => {})
    return two.leads()
  })
  await one.claim()
  expect([one.leads(), two.leads()]).toEqual([false, true])
  await two.close()
  await until(async () => {
    await one.claim()
    return one.leads()
  })
  await one.close()
}, 60_000)

describe('the server, by its last answer', () => {
  test('is not there while it is silent, and is there again once it speaks', async () => {
    const path = await openStallingPath(new URL(await server.database('silent')))
    const leader = createLeader(path.url)
    try {
      expect(leader.state()).toBe('unreachable')
      await leader.claim()
      expect([leader.state(), leader.leads()]).toEqual(['ok', true])
      path.stall(true)
      await expect(leader.claim()).rejects.toThrow()
      expect([leader.state(), leader.leads()]).toEqual(['unreachable', false])
      path.stall(false)
      await until(() =>
        leader.claim().then(
          () => leader.state() === 'ok',
          () => false,
        ),
      )
    } finally {
      await leader.close()
      path.close()
    }
  }, 60_000)

  test('takes no writes on a standby', async () => {
    const database = await server.database('standby')
    const client = new Client({ connectionString: database })
    await client.connect()
    await client.query('ALTER DATABASE standby SET default_transaction_read_only = on')
    await client.end()
    const leader = createLeader(database)
    await leader.claim()
    expect(leader.state()).toBe('read_only')
    await leader.close()
  }, 60_000)
})

/** The way to a server on which bytes can stand still, as they do when a machine vanishes from the network. */
async function openStallingPath(to: URL) {
  const sockets = new Set<Socket>()
  let isStalled = false
  const listener = createTcpServer((near) => {
    const far = createConnection(Number(to.port), to.hostname)
    for (const [from, into] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from)
      from.on('data', (bytes) => isStalled || into.write(bytes))
      from.on('error', () => into.destroy())
      from.on('close', () => into.destroy())
    }
  })
  await once(listener.listen(0, '127.0.0.1'), 'listening')
  // Sound: it listens on an address.
  const { port } = listener.address() as AddressInfo
  return {
    url: Object.assign(new URL(to), { port: String(port) }).href,
    stall(now: boolean) {
      isStalled = now
    },
    close() {
      for (const socket of sockets) socket.destroy()
      listener.close()
    },
  }
}
