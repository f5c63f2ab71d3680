import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { World } from '#dev/world/world.ts'
import { type AccountView, type Payer, readyPayer, until } from '../support/account.ts'
import { auditFindings, type HostView, passDeadlines, readHost } from '../support/books.ts'
import { hostShare } from '../support/host-share.ts'
import {
  newFolder,
  openWorld,
  SCRIPTED,
  SCRIPTED_MODEL,
  WORLD_START_MS,
} from '../support/open-world.ts'
import { readStream, tokensIn } from '../support/read-stream.ts'
import { costOf, type Usage, usageOf } from '../support/stranger.ts'

/**
 * The settlement table of protocol/SPEC.md, row by row: who fails × when, with real processes and real signals.
 * Duplicate and late receipts, and the rest of failover, are in cells-receipts.test.ts.
 */
let world: World
let payer: Payer
const folder = newFolder()
const database = join(folder, 'gateway.db')

beforeAll(async () => {
  world = await openWorld({ engine: SCRIPTED, machines: 2 }, folder)
  payer = readyPayer(world)
}, WORLD_START_MS)
afterAll(() => world?.stop())

let before: AccountView
let host: HostView
beforeEach(async () => {
  before = await payer.read()
  host = await readHost(world.info.webUrl, world.payee)
})
/** In every cell: nothing lost, nothing invented, nothing left behind. */
afterEach(async () => {
  const after = await payer.read()
  expect(after.held).toBe(0n)
  expect(after.available + after.settled).toBe(after.credited)
  expect(await auditFindings(world.info.webUrl, world.info.adminKey)).toEqual([])
})

const COMMISSION_BPS = 500n
/** Tokens that a script's first one keeps waiting for: time to act before the first byte. */
const SLOW_START = 'c3g3000'
/** Ten tokens a second: time to act in the middle. */
const STEADY = 'c40g100'
const QUICK = 'c5g0'

const body = (script: string) => ({
  model: SCRIPTED_MODEL,
  stream: true,
  messages: [{ role: 'user', content: script }],
  // The second machine answers nothing but what fails over to it.
  provider: { only: [world.info.runnerId] },
})

/** Asks and returns once the request's money is held: the runner has it, or is about to. */
async function askBeforeFirstByte() {
  const leave = new AbortController()
  const answer = payer.chat(body(SLOW_START), leave.signal).catch((error: unknown) => error)
  await payer.until('the hold', ({ held }) => held > 0n)
  return { leave: () => leave.abort(), answer }
}

/** Asks and returns with a few tokens of the answer read. */
async function askMidStream() {
  const leave = new AbortController()
  const response = await payer.chat(body(STEADY), leave.signal)
  const stream = readStream(response)
  await stream.until((text) => tokensIn(text) >= 3)
  const id = response.headers.get('x-receipt-id') ?? ''
  return { leave: () => leave.abort(), id, stream }
}

/** Asks and reads everything. */
async function askToTheEnd() {
  const response = await payer.chat(body(QUICK))
  const stream = readStream(response)
  await stream.until((text) => text.includes(': cocoon-receipt '))
  return { id: response.headers.get('x-receipt-id') ?? '', stream }
}

/** What the newest settlement of the account was for. */
async function newestUsage(): Promise<Usage> {
  const listed = await (await payer.get('/v1/account/usage')).json()
  return usageOf(await payer.receipt(listed.data[0].id))
}

/** Charge, hold and host's share, exactly. */
async function expectCharged(usage: Usage): Promise<void> {
  const cost = BigInt(usage.cost)
  expect(cost).toBe(costOf(usage))
  const after = await payer.until('the receipt', ({ held }) => held === 0n)
  expect(before.available - after.available).toBe(cost)
  expect(after.settled - before.settled).toBe(cost)
  const { earned } = await readHost(world.info.webUrl, world.payee)
  expect(earned - host.earned).toBe(hostShare(cost, COMMISSION_BPS))
}

async function expectNothingCharged(): Promise<void> {
  const after = await payer.read()
  expect(after).toEqual({ ...before, collected: after.collected })
  const { earned } = await readHost(world.info.webUrl, world.payee)
  expect(earned).toBe(host.earned)
}

interface ListedRunner {
  readonly id: string
  readonly available: boolean
  readonly session_id: string
}

async function firstRunner(): Promise<ListedRunner | undefined> {
  const { data } = await (await payer.get('/v1/runners')).json()
  const runners: ListedRunner[] = data
  return runners.find(({ id }) => id === world.info.runnerId)
}

/** Starts the killed runner again and waits until the gateway knows its new keys. */
async function runnerIsBack(): Promise<void> {
  const before = await firstRunner()
  await world.restartRunner()
  await until(
    'the runner’s registration',
    firstRunner,
    (now) => now?.available === true && now.session_id !== before?.session_id,
  )
}

const receiptCame = () => payer.until('the receipt', ({ held }) => held === 0n)

describe('client leaves', () => {
  test('before the first byte: prompt tokens at most (M6), and the hold ends by an aborted receipt', async () => {
    const { leave, answer } = await askBeforeFirstByte()
    leave()
    await answer
    await receiptCame()
    const usage = await newestUsage()
    expect(usage).toMatchObject({ stop_reason: 'aborted', completion_tokens: 0 })
    await expectCharged(usage)
  })

  test('mid-stream: prompt and what was produced', async () => {
    const { leave, id } = await askMidStream()
    leave()
    await receiptCame()
    const usage = usageOf(await payer.receipt(id))
    expect(usage.stop_reason).toBe('aborted')
    expect(usage.prompt_tokens).toBeGreaterThan(0)
    expect(usage.completion_tokens).toBeGreaterThanOrEqual(3)
    expect(usage.completion_tokens).toBeLessThan(40)
    await expectCharged(usage)
  })

  test('after the end: all of it', async () => {
    const { id, stream } = await askToTheEnd()
    await stream.rest()
    const usage = usageOf(await payer.receipt(id))
    expect(usage).toMatchObject({ stop_reason: 'normal', completion_tokens: 5 })
    await expectCharged(usage)
  })
})

describe('runner dies', () => {
  test('before the first byte: an error, no charge, the hold is given back at once', async () => {
    const { answer } = await askBeforeFirstByte()
    await world.runner.kill()
    const response = await answer
    if (!(response instanceof Response)) throw new Error('no answer')
    expect(response.status).toBe(502)
    expect((await response.json()).error).toMatchObject({ code: 'runner_unreachable' })
    await expectNothingCharged()
    await runnerIsBack()
  })

  test('mid-stream: an error event, never a bare end; held until the deadline, then no charge (H20)', async () => {
    const { stream } = await askMidStream()
    await world.runner.kill()
    expectErrorEvent(await stream.rest())
    expect((await payer.read()).held).toBeGreaterThan(0n)
    passDeadlines(database)
    await payer.until('the deadline', ({ held }) => held === 0n)
    await expectNothingCharged()
    await runnerIsBack()
  })

  test('after the end: all of it, once, whatever its outbox brings after the restart', async () => {
    const { id } = await askToTheEnd()
    await world.runner.kill()
    const usage = usageOf(await payer.receipt(id))
    await expectCharged(usage)
    await runnerIsBack()
    const listed = await (await payer.get('/v1/account/usage')).json()
    expect(listed.data.filter((entry: { id: string }) => entry.id === id)).toHaveLength(1)
  })
})

function expectErrorEvent(text: string): void {
  expect(text).not.toContain('[DONE]')
  const last = text.split('\n').findLast((line) => line.startsWith('data: ')) ?? ''
  expect(JSON.parse(last.slice('data: '.length)).error.code).toBe('runner_lost')
}

describe('failover', () => {
  test('before the first byte: the answering attempt is charged, and no other', async () => {
    await world.runner.kill()
    const response = await payer.chat({
      ...body(QUICK),
      provider: { order: [world.info.runnerId] },
    })
    expect(response.status).toBe(200)
    expect(await response.text()).toContain('[DONE]')
    const id = response.headers.get('x-receipt-id') ?? ''
    expect(id).toBe(`${response.headers.get('x-request-id')}.2`)
    const usage = usageOf(await payer.receipt(id))
    expect(usage).toMatchObject({ attempt: 2, completion_tokens: 5 })
    await expectCharged(usage)
    await runnerIsBack()
  })
})

describe('gateway killed', () => {
  test('before the first byte: as if the client had left, delivered after the restart', async () => {
    const { answer } = await askBeforeFirstByte()
    await world.gateway.kill()
    expect(await answer).toBeInstanceOf(Error)
    await world.restartGateway()
    await receiptCame()
    const usage = await newestUsage()
    expect(usage).toMatchObject({ stop_reason: 'aborted', completion_tokens: 0 })
    await expectCharged(usage)
  })

  test('mid-stream: the hold survives, and the outstanding receipt is settled once', async () => {
    const { id, stream } = await askMidStream()
    await world.gateway.kill()
    await expect(stream.rest()).rejects.toThrow()
    await world.restartGateway()
    await receiptCame()
    const usage = usageOf(await payer.receipt(id))
    expect(usage.stop_reason).toBe('aborted')
    expect(usage.completion_tokens).toBeGreaterThanOrEqual(tokensIn(stream.text))
    await expectCharged(usage)
    // The runner's lease outlived the gateway: it serves at once.
    expect((await payer.chat({ ...body(QUICK), stream: false })).status).toBe(200)
  })

  test('after the end: all of it, once', async () => {
    const { id } = await askToTheEnd()
    await world.gateway.kill()
    await world.restartGateway()
    await receiptCame()
    const usage = usageOf(await payer.receipt(id))
    expect(usage).toMatchObject({ stop_reason: 'normal', completion_tokens: 5 })
    await expectCharged(usage)
  })
})
