import { execFileSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { World } from '#dev/world/world.ts'
import { type Payer, readyPayer, until } from '../support/account.ts'
import { auditFindings } from '../support/books.ts'
import { openWorld, SCRIPTED, SCRIPTED_MODEL, WORLD_START_MS } from '../support/open-world.ts'

const SPARE = 4
const STRANGERS = 60
const MANY = 4_096

let world: World
let payer: Payer

beforeAll(async () => {
  world = await openWorld({ engine: SCRIPTED })
  payer = readyPayer(world)
}, WORLD_START_MS)
afterAll(() => world?.stop())

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

test('descriptors run out: the gateway lives on, and serves as soon as some are free', async () => {
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
    (open) => open >= SPARE,
  )
  const seen = new Set<string>()
  for (let i = 0; i < 20; i++) seen.add(await ask())
  for (const socket of strangers) socket.destroy()
  await until('an answer once strangers have left', ask, (outcome) => outcome === 'answered')
  limit(MANY)
  expect(await ask()).toBe('answered')
  const after = await payer.until('every receipt', ({ held }) => held === 0n)
  expect(after.available + after.settled).toBe(after.credited)
  expect(after.settled).toBeGreaterThan(before.settled)
  expect(await auditFindings(world.info.webUrl, world.info.adminKey)).toEqual([])
})
