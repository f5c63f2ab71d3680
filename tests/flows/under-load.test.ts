import { afterAll, beforeAll, expect, test } from 'vitest'
import type { World } from '#dev/world/world.ts'
import { type Payer, readyPayer, until } from '../support/account.ts'
import { auditFindings } from '../support/books.ts'
import { openWorld, SCRIPTED, SCRIPTED_MODEL, WORLD_START_MS } from '../support/open-world.ts'
import { readStream } from '../support/read-stream.ts'
import { usageOf } from '../support/stranger.ts'

const REQUESTS = 500
const STREAMS = 30
/** Twenty tokens a second, for longer than the test lets them. */
const STEADY = 'c100g50'

let world: World
let payer: Payer

beforeAll(async () => {
  world = await openWorld({ engine: SCRIPTED, capacity: REQUESTS, depositTon: '200' })
  payer = readyPayer(world)
}, WORLD_START_MS)
afterAll(() => world?.stop())

const ask = (script: string, stream: boolean) =>
  payer.chat({ model: SCRIPTED_MODEL, stream, messages: [{ role: 'user', content: script }] })

test('500 requests of one account at once cost what their receipts say, to the nanoTON', async () => {
  const before = await payer.read()
  const ids = await Promise.all(
    Array.from({ length: REQUESTS }, async () => {
      const response = await ask('c5g0', false)
      expect(response.status).toBe(200)
      await response.arrayBuffer()
      return response.headers.get('x-receipt-id') ?? ''
    }),
  )
  expect(new Set(ids).size).toBe(REQUESTS)
  const after = await payer.until('every receipt', ({ held }) => held === 0n)
  const receipts = await Promise.all(ids.map((id) => payer.receipt(id)))
  const cost = receipts.reduce((sum, receipt) => sum + BigInt(usageOf(receipt).cost), 0n)
  expect(after.settled - before.settled).toBe(cost)
  expect(before.available - after.available).toBe(cost)
  expect(await auditFindings(world.info.webUrl, world.info.adminKey)).toEqual([])
})

test('a gateway that is killed in the middle of many answers loses nothing: each is charged once, for what was produced', async () => {
  const before = await payer.read()
  const streams = await Promise.all(
    Array.from({ length: STREAMS }, async () => {
      const response = await ask(STEADY, true)
      const stream = readStream(response)
      await stream.until((text) => text.includes('"content"'))
      return { id: response.headers.get('x-receipt-id') ?? '', stream }
    }),
  )
  await world.gateway.kill()
  for (const { stream } of streams) await expect(stream.rest()).rejects.toThrow()
  await world.restartGateway()
  const after = await payer.until('every receipt', ({ held }) => held === 0n)
  const usages = await Promise.all(streams.map(async ({ id }) => usageOf(await payer.receipt(id))))
  expect(usages.every(({ stop_reason }) => stop_reason === 'aborted')).toBe(true)
  expect(usages.every(({ completion_tokens }) => completion_tokens > 0)).toBe(true)
  const cost = usages.reduce((sum, usage) => sum + BigInt(usage.cost), 0n)
  expect(after.settled - before.settled).toBe(cost)
  expect(before.available - after.available).toBe(cost)
  // The host's side follows, and the books close.
  const audit = () => auditFindings(world.info.webUrl, world.info.adminKey)
  expect(await until('closed books', audit, (broken) => broken.length === 0)).toEqual([])
  // Keys, leases and sessions outlived it: the next request is served at once.
  expect((await ask('c5g0', false)).status).toBe(200)
})
