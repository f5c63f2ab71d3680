import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { World } from '#dev/world/world.ts'
import { type Payer, readyPayer, until } from '../support/account.ts'
import { auditFindings } from '../support/books.ts'
import {
  newFolder,
  openWorld,
  SCRIPTED,
  SCRIPTED_MODEL,
  WORLD_START_MS,
} from '../support/open-world.ts'
import { openSmallDisk, type SmallDisk } from '../support/small-disk.ts'

const CANNOT_WRITE = /cannot write its books/

let disk: SmallDisk
let world: World
let payer: Payer
const folder = newFolder()
const gatewayLog = `${folder}.log`

const databasePath = () => join(disk.folder, 'gateway.db')
const files = () => [databasePath(), `${databasePath()}-wal`]

beforeAll(async () => {
  disk = openSmallDisk()
  world = await openWorld({ engine: SCRIPTED, databasePath: databasePath(), gatewayLog }, folder)
  payer = readyPayer(world)
}, WORLD_START_MS)
afterAll(async () => {
  await world?.stop()
  disk?.remove()
  rmSync(gatewayLog, { force: true })
})

/** Answers that came whole. */
let served = 0

async function ask(script = 'c5g0'): Promise<Response> {
  const messages = [{ role: 'user', content: script }]
  const answer = await payer.chat({ model: SCRIPTED_MODEL, messages })
  if (answer.status === 200) served++
  return answer
}

const errorsLogged = () =>
  readFileSync(gatewayLog, 'utf8')
    .split('\n')
    .filter((line) => line.includes('takes no writes'))

const health = async () => {
  const answer = await fetch(`${world.info.webUrl}/health`)
  // Sound: openapi.yaml says so.
  return { status: answer.status, told: ((await answer.json()) as { status: string }).status }
}

const writableMetric = async (): Promise<string | undefined> => {
  const text = await (await fetch(`${world.info.webUrl}/metrics`)).text()
  return /^cocoon_database_writable (\d)/m.exec(text)?.[1]
}

/** Nothing that needs the books is done; everything that only reads them is. */
async function expectRefusals(): Promise<void> {
  const refused = await ask()
  expect(refused.status).toBe(503)
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
  expect(refused.headers.get('x-should-retry')).toBe('true')
  const { error } = JSON.parse(await refused.text())
  expect(error).toMatchObject({ code: 'overloaded', message: expect.stringMatching(CANNOT_WRITE) })
  const made = await payer.post('/v1/keys', { name: 'another' })
  expect([made.status, await made.text()]).toEqual([503, expect.stringMatching(CANNOT_WRITE)])
  for (const path of ['/v1/account', '/v1/models', '/v1/runners', '/v1/account/ledger']) {
    const answer = await payer.get(path)
    expect([path, answer.status]).toEqual([path, 200])
    await answer.arrayBuffer()
  }
  expect(await health()).toEqual({ status: 503, told: 'read_only' })
  expect(await writableMetric()).toBe('0')
}

/** Each answer was charged once, and nothing else was. */
async function expectSound(cost: bigint): Promise<void> {
  const after = await payer.until('every receipt', ({ held }) => held === 0n)
  expect(after.available + after.settled).toBe(after.credited)
  expect(after.settled).toBe(cost * BigInt(served))
  expect(await auditFindings(world.info.webUrl, world.info.adminKey)).toEqual([])
}

let cost = 0n

test('a database that takes no writes: 503 and why, reading goes on, what was being served is charged once, and it heals by itself', async () => {
  await (await ask()).arrayBuffer()
  cost = (await payer.until('the first receipt', ({ settled }) => settled > 0n)).settled
  const messages = [{ role: 'user', content: 'c5g200' }]
  const stream = await payer.chat({ model: SCRIPTED_MODEL, stream: true, messages })
  expect(stream.status).toBe(200)
  disk.freeze(files())
  // It was paid for before; its receipt waits with its runner.
  expect(await stream.text()).toContain('[DONE]')
  served++
  await expectRefusals()
  await expectRefusals()
  expect(errorsLogged()).toHaveLength(1)
  disk.thaw(files())
  // Nobody need ask for anything: balancers send nobody here before it says so.
  await until('health', health, ({ status }) => status === 200)
  expect(await writableMetric()).toBe('1')
  await (await ask()).arrayBuffer()
  await expectSound(cost)
})

test('a disk that failed is read-only for good: nothing is lost, and a repaired one brings everything back', async () => {
  await (await ask()).arrayBuffer()
  await expectSound(cost)
  disk.fail()
  await expectRefusals()
  await world.gateway.kill()
  disk.repair('read-only')
  await expect(world.restartGateway()).rejects.toThrow(
    /DATABASE_PATH: .* cannot be opened for writing \(EROFS\): give the gateway a file/,
  )
  disk.repair()
  await world.restartGateway()
  expect(await health()).toMatchObject({ status: 200 })
  const again = await until('an answer', ask, ({ status }) => status === 200)
  await again.arrayBuffer()
  await expectSound(cost)
})
