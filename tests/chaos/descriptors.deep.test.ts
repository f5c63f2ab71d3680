import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync, rmSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
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

const SPARE = 4
const STRANGERS = 60
const MANY = 4_096

let world: World
let payer: Payer
const folder = newFolder()
const gatewayLog = `${folder}.log`

beforeAll(async () => {
  world = await openWorld({ engine: SCRIPTED, gatewayLog }, folder)
  payer = readyPayer(world)
}, WORLD_START_MS)
afterAll(async () => {
  await world?.stop()
  rmSync(gatewayLog, { force: true })
})

const limit = (descriptors: number) =>
  execFileSync('prlimit', [`--pid=${world.gateway.pid}`, `--nofile=${descriptors}:${MANY}`])

const openNow = () => readdirSync(`/proc/${world.gateway.pid}/fd`).length

/** Whether it was answered in order; anything else is a broken connection or an error in JSON. */
async function ask(): Promise<'answered' | 'refused' | 'broken'> {
  const messages = [{ role: 'user', content: 'c5g0' }]
  const answer = await payer.chat({ model: SCRIPTED_MODEL, messages }).catch(() => undefined)
  if (answer === undefined) return 'broken'
  if (answer.status === 200) {
    await answer.arrayBuffer()
    return 'answered'
  }
  expect(answer.headers.get('content-type')).toContain('application/json')
  await answer.json()
  return 'refused'
}

const exhaustedLines = () =>
  readFileSync(gatewayLog, 'utf8')
    .split('\n')
    .filter((line) => line.includes('no file descriptor is left'))

async function exhaustedMetric(): Promise<number> {
  const text = await (await fetch(`${world.info.webUrl}/metrics`)).text()
  return Number(/^cocoon_descriptors_exhausted_total (\d+)/m.exec(text)?.[1])
}

test('descriptors run out: the operator is told, the gateway lives on, and serves as soon as some are free', async () => {
  expect(await ask()).toBe('answered')
  const before = await payer.read()
  const most = openNow() + SPARE
  limit(most)
  const { port, hostname } = new URL(world.info.webUrl)
  const strangers: Socket[] = []
  for (let i = 0; i < STRANGERS; i++) {
    const socket = connect(Number(port), hostname)
    socket.on('error', () => {})
    strangers.push(socket)
  }
  await until(
    'descriptors to run out',
    async () => openNow(),
    (open) => open >= most,
  )
  await until(
    'the operator to be told',
    async () => exhaustedLines().length,
    (lines) => lines === 1,
  )
  const seen = new Set<string>()
  for (let i = 0; i < 20; i++) seen.add(await ask())
  for (const socket of strangers) socket.destroy()
  await until('an answer once strangers have left', ask, (outcome) => outcome === 'answered')
  limit(MANY)
  expect(await ask()).toBe('answered')
  expect(await exhaustedMetric()).toBeGreaterThan(0)
  expect(exhaustedLines()).toHaveLength(1)
  const after = await payer.until('every receipt', ({ held }) => held === 0n)
  expect(after.available + after.settled).toBe(after.credited)
  expect(after.settled).toBeGreaterThan(before.settled)
  expect(await auditFindings(world.info.webUrl, world.info.adminKey)).toEqual([])
})
