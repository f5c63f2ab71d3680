import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { answerInOrder } from '../testing/runner-answers.ts'
import { startTestRunner, type TestRunner } from '../testing/test-runner.ts'
import { MODEL, startTestWorld, type TestWorld } from '../testing/world.ts'

/**
 * Five hundred requests of one account at once, at a runner that keeps every one it gets until all others are refused: what
 * got through is what the limit lets through, neither one more nor one less.
 */
const BURST = 500
const CHAT = { model: MODEL, messages: [], max_tokens: 100 }
/** What each costs in the end. */
const COST = 23n

let world: TestWorld
let runner: TestRunner
let openGate: () => void

beforeAll(async () => {
  world = await startTestWorld()
  runner = await startTestRunner(world, { capacity: 1_000 })
})
afterAll(async () => {
  await runner?.close()
  await world?.close()
})

function chat(key: string, body: object = CHAT): Promise<Response> {
  return fetch(`${world.gateway.origin}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}` },
    body: JSON.stringify(body),
  })
}

/** The most that one request may cost, as a refusal says. */
async function bound(): Promise<bigint> {
  const poor = await world.account(1n)
  const { error } = await (await chat(poor.key)).json()
  return BigInt(error.required)
}

async function keyWith(adminKey: string, limits: object): Promise<string> {
  const response = await fetch(`${world.gateway.origin}/v1/keys`, {
    method: 'POST',
    headers: { authorization: `Bearer ${adminKey}` },
    body: JSON.stringify(limits),
  })
  return (await response.json()).key
}

/** @returns how many were answered, and the codes of the others */
async function burst(key: string, through: number): Promise<Map<string, number>> {
  const gate = new Promise<void>((resolve) => {
    openGate = resolve
  })
  runner.behave(async (exchange) => {
    await gate
    answerInOrder(exchange)
  })
  const codes = new Map<string, number>()
  const note = (code: string) => codes.set(code, (codes.get(code) ?? 0) + 1)
  let refused = 0
  const all = Array.from({ length: BURST }, async () => {
    const response = await chat(key)
    const body = await response.json()
    note(response.ok ? 'ok' : body.error.code)
    if (!response.ok && ++refused === BURST - through) openGate()
  })
  await Promise.all(all)
  return codes
}

afterEach(() => openGate?.())

describe('a burst of 500 requests at once', () => {
  test('is held to what the account has, to the nanoTON', async () => {
    const each = await bound()
    const funds = 10n * each + (each - 1n)
    const account = await world.account(funds)
    const codes = await burst(account.key, 10)
    expect(codes).toEqual(
      new Map([
        ['insufficient_credits', 490],
        ['ok', 10],
      ]),
    )
    expect(await account.balance()).toEqual({ available: funds - 10n * COST, held: 0n })
  })

  test('is held to the budget of its key, to the nanoTON', async () => {
    const each = await bound()
    const account = await world.account(1_000n * each)
    const total = (7n * each).toString()
    const key = await keyWith(account.key, { budget: { total } })
    const codes = await burst(key, 7)
    expect(codes).toEqual(
      new Map([
        ['key_budget_exceeded', 493],
        ['ok', 7],
      ]),
    )
    expect(await account.balance()).toEqual({ available: 1_000n * each - 7n * COST, held: 0n })
  })

  test('is held to the concurrency of its key', async () => {
    const each = await bound()
    const account = await world.account(1_000n * each)
    const key = await keyWith(account.key, { concurrency: 16 })
    const codes = await burst(key, 16)
    expect(codes).toEqual(
      new Map([
        ['concurrency_exceeded', 484],
        ['ok', 16],
      ]),
    )
    // Every place is free again.
    runner.behave(answerInOrder)
    expect((await chat(key)).status).toBe(200)
  })
})
