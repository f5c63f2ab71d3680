import { join } from 'node:path'
import Database from 'better-sqlite3'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { World } from '#dev/world/world.ts'
import { seeded } from '#gateway/money/testing/seeded.ts'
import { type Payer, readyPayer, until } from '../support/account.ts'
import { auditFindings, passDeadlines, readHost } from '../support/books.ts'
import {
  newFolder,
  openWorld,
  SCRIPTED,
  SCRIPTED_MODEL,
  WORLD_START_MS,
} from '../support/open-world.ts'
import { usageOf } from '../support/stranger.ts'

/** Of each process. With the hundred of each kind in `gateway/node/kill.deep.test.ts`: more than three hundred. */
const KILLS = 55
const LANES = 6
/** Milliseconds that a process lives at most before it is killed. */
const MOST_LIFE_MS = 600
/** A little longer than a client needs to ask again. */
const PAUSE_MS = 20

let world: World
let payer: Payer
const folder = newFolder()
const database = join(folder, 'gateway.db')

beforeAll(async () => {
  world = await openWorld({ engine: SCRIPTED, depositTon: '200' }, folder)
  payer = readyPayer(world)
}, WORLD_START_MS)
afterAll(() => world?.stop())

/** Answers that came whole, by their receipt's id. */
const answered = new Set<string>()
let failed = 0
let isOver = false

const pause = (ms: number) => new Promise((next) => setTimeout(next, ms))

async function askForEver(stream: boolean): Promise<void> {
  const messages = [{ role: 'user', content: stream ? 'c12g5' : 'c5g0' }]
  while (!isOver) {
    try {
      const response = await payer.chat({ model: SCRIPTED_MODEL, stream, messages })
      const text = await response.text()
      const isWhole = response.status === 200 && (!stream || text.includes('[DONE]'))
      if (isWhole) answered.add(response.headers.get('x-receipt-id') ?? '')
      else failed++
    } catch {
      failed++
      await pause(PAUSE_MS)
    }
  }
}

test('SIGKILLs of gateway and runner under load: whoever got an answer paid for it once, and nobody lost a nano', async () => {
  const chance = seeded(5)
  const lanes = Array.from({ length: LANES }, (_, i) => askForEver(i % 2 === 0))
  let [gateways, runners] = [0, 0]
  while (gateways + runners < 2 * KILLS) {
    await pause(chance() * MOST_LIFE_MS)
    if (gateways <= runners) {
      await world.restartGateway()
      gateways++
    } else {
      await world.restartRunner()
      runners++
    }
  }
  await until('an answer after the last kill', askOnce, (isWhole) => isWhole)
  isOver = true
  await Promise.all(lanes)
  expect([gateways, runners]).toEqual([KILLS, KILLS])
  // What died with its runner has no receipt: six hours later its money is free again.
  passDeadlines(database)
  const after = await payer.until('every hold to end', ({ held }) => held === 0n)
  expect(after.available + after.settled).toBe(after.credited)
  expect(await auditFindings(world.info.webUrl, world.info.adminKey)).toEqual([])
  expect(answered.size).toBeGreaterThan(KILLS)
  expect(failed).toBeGreaterThan(0)
  for (const id of answered) expect(usageOf(await payer.receipt(id)).stop_reason).toBe('normal')
  const settled = readSettlements()
  expect(settled.requests).toBe(settled.rows)
  expect(settled.cost).toBe(after.settled)
  const host = await readHost(world.info.webUrl, world.payee)
  expect(host.earned).toBe(settled.cost - settled.commission)
})

async function askOnce(): Promise<boolean> {
  const messages = [{ role: 'user', content: 'c5g0' }]
  const answer = await payer.chat({ model: SCRIPTED_MODEL, messages }).catch(() => undefined)
  if (answer?.status === 200) answered.add(answer.headers.get('x-receipt-id') ?? '')
  await answer?.arrayBuffer()
  return answer?.status === 200
}

function readSettlements() {
  const db = new Database(database, { readonly: true })
  try {
    const row = db
      .prepare(
        `SELECT COUNT(*), COUNT(DISTINCT request), CAST(SUM(cost) AS TEXT), CAST(SUM(commission) AS TEXT)
         FROM settlements`,
      )
      .raw(true)
      .get()
    // Sound: the query has these four columns.
    const [rows, requests, cost, commission] = row as [number, number, string, string]
    return { rows, requests, cost: BigInt(cost), commission: BigInt(commission) }
  } finally {
    db.close()
  }
}
