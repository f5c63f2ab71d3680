import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { simulationOf } from '#dev/world/simulated-tee.ts'
import { accountId } from '../db/ids.ts'
import { endStream, startStream } from '../testing/runner-answers.ts'
import { startTestRunner, type TestRunner } from '../testing/test-runner.ts'
import { MODEL, startTestWorld, type TestAccount, type TestWorld } from '../testing/world.ts'
import { freePort, startServer, type TestServer } from './testing/server.ts'

const BODY = {
  model: MODEL,
  messages: [{ role: 'user', content: 'hi' }],
  max_tokens: 100,
  stream: true,
}
const FUNDS = 1_000_000n
const CEILING_MS = 60_000

let server: TestServer
let world: TestWorld
let runner: TestRunner
let account: TestAccount

beforeAll(async () => {
  server = await startServer({ durable: true })
  world = await startTestWorld({ databaseUrl: await server.database('killed_gateway') })
  runner = await startTestRunner(world)
  account = await world.account(FUNDS)
}, 120_000)
afterAll(async () => {
  await runner?.close()
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

test('a gateway that is killed amid its answers loses nothing: another one takes the receipts', async () => {
  const port = await freePort()
  const origin = `http://127.0.0.1:${port}`
  const child = fork(join(import.meta.dirname, 'testing', 'gateway-process.ts'), {
    serialization: 'advanced',
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  child.send({
    config: {
      ...world.config,
      listen: { host: '127.0.0.1', port },
      publicUrl: world.gateway.origin,
      collateralPath: join(world.config.collateralPath, 'child'),
    },
    simulation: await simulationOf(world.tee),
  })
  await once(child, 'message')
  await until(async () => (await (await fetch(`${origin}/v1/runners`)).text()).includes(runner.id))

  // Three answers have begun at the gateway that will die, one at the one that will not.
  const ends: (() => void)[] = []
  runner.behave((exchange) => {
    startStream(exchange)
    return new Promise<void>((resolve) => {
      ends.push(() => {
        endStream(exchange)
        resolve()
      })
    })
  })
  const ask = (at: string) =>
    fetch(`${at}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${account.key}` },
      body: JSON.stringify(BODY),
    })
  const begun = await Promise.all([origin, origin, origin, world.gateway.origin].map(ask))
  expect(begun.map(({ status }) => status)).toEqual([200, 200, 200, 200])
  const texts = begun.map((answer) => answer.text().catch(() => 'cut'))
  expect((await account.balance()).held).toBeGreaterThan(0n)

  const exited = once(child, 'exit')
  child.kill('SIGKILL')
  await exited
  for (const end of ends) end()
  expect(await Promise.all(texts)).toEqual(['cut', 'cut', 'cut', expect.stringContaining('[DONE]')])

  // The runner's outbox has a receipt for each, and tells the gateway that is left.
  await until(async () => {
    await runner.deliver()
    return (await account.balance()).held === 0n
  })
  const { available } = await account.balance()
  const [read, audit] = await world.ledger.commit([
    { op: 'list_settlements', account: accountId(account.id), before: null, limit: 10 },
    { op: 'audit' },
  ])
  expect(read.settlements).toHaveLength(4)
  const spent = read.settlements.reduce((sum, { cost }) => sum + cost, 0n)
  expect(available).toBe(FUNDS - spent)
  expect(spent).toBeGreaterThan(0n)
  expect(audit.broken).toEqual([])
}, 240_000)
