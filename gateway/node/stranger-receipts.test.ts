import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { answerInOrder } from '../testing/runner-answers.ts'
import { startTestRunner, type TestRunner } from '../testing/test-runner.ts'
import { MODEL, startTestWorld, type TestWorld } from '../testing/world.ts'

/** Receipts come without a key: what a stranger makes up is refused, and costs no signature and no line in the log. */
let world: TestWorld
let runner: TestRunner

beforeAll(async () => {
  world = await startTestWorld()
  runner = await startTestRunner(world)
  runner.behave(answerInOrder)
  const account = await world.account(1_000_000n)
  const answer = await fetch(`${world.gateway.origin}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${account.key}` },
    body: JSON.stringify({ model: MODEL, messages: [{ role: 'user', content: 'hi' }] }),
  })
  await answer.text()
  // What it remembers of receipts that came inside an answer goes: this one is looked at again.
  await world.restart()
})
afterAll(async () => {
  await runner?.close()
  await world?.close()
})

async function deliver(named: string, receipt: unknown, ref: string) {
  const answer = await fetch(`${world.gateway.origin}/v1/receipts`, {
    method: 'POST',
    body: JSON.stringify({ runner: named, receipts: [{ receipt, ref }] }),
  })
  expect(answer.status).toBe(200)
  const { results } = await answer.json()
  return results[0]
}

function genuine() {
  const [entry] = runner.outbox
  if (entry === undefined) throw new TypeError('the runner signed no receipt')
  return entry
}

const refusals = (): readonly string[] =>
  world.logged.filter((line) => line.includes('receipt refused'))

describe('a receipt that somebody made up', () => {
  const forged = () => Object.assign({}, genuine().receipt, { signature: '00'.repeat(64) })
  test.each([
    ['is none, of a runner that nobody knows', () => 'run_none', () => ({ receipt_id: 'rcpt_x' })],
    ['is none, under a known name', () => runner.id, () => ({ receipt_id: 'rcpt_x' })],
    ['is of a runner that nobody knows', () => 'run_none', () => genuine().receipt],
    ['has a signature of nobody, under a known name', () => runner.id, forged],
  ])('%s: is refused unsigned, and not logged', async (_, named, receipt) => {
    const before = refusals().length
    const told = await deliver(named(), receipt(), 'a reference of nobody')
    expect(told).toEqual({ receipt_id: expect.any(String), status: 'refused' })
    expect(refusals().length).toBe(before)
  })
})

test('a receipt that its runner signed is refused by a signed no, if its reference is unknown (H20)', async () => {
  const before = refusals().length
  expect(await deliver(runner.id, genuine().receipt, 'a reference of nobody')).toMatchObject({
    status: 'refused',
    refusal: { purpose: 'cocoon.refusal.v1', runner: runner.id, reason: 'ref_unknown' },
    signature: expect.any(String),
  })
  expect(refusals().length).toBe(before + 1)
})
