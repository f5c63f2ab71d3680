import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { utf8 } from '#base/bytes.ts'
import { sealingKeyOf, sealRequest } from '#protocol'
import { nodeProvider } from '#protocol/node'
import { answerInOrder } from '../testing/runner-answers.ts'
import { startTestRunner, type TestRunner } from '../testing/test-runner.ts'
import { MODEL, startTestWorld, type TestAccount, type TestWorld } from '../testing/world.ts'
import { openSqlite, type SqliteStore } from './open-sqlite.ts'

/** Books that cannot give a hold back for a while: whoever got nothing pays nothing, whatever receipt comes meanwhile. */

const FUNDS = 1_000_000n
const RETRY_TICKS = 3
const UNTOUCHED = { available: FUNDS, held: 0n }

let world: TestWorld
let runner: TestRunner
let account: TestAccount
let books: SqliteStore

beforeAll(async () => {
  world = await startTestWorld()
  runner = await startTestRunner(world)
  books = openSqlite(world.config.databasePath)
})
afterAll(async () => {
  books?.close()
  await runner?.close()
  await world?.close()
})
afterEach(() => {
  mendBooks()
  runner.behave(answerInOrder)
})

/** No hold ends without a receipt, as when the disk is full just then; a receipt would be written. */
function breakBooks(): void {
  books.script(`CREATE TRIGGER no_room BEFORE UPDATE OF state ON holds
    BEGIN SELECT RAISE(ABORT, 'no room'); END`)
}

function mendBooks(): void {
  books.script('DROP TRIGGER IF EXISTS no_room')
}

const BODY = { model: MODEL, messages: [{ role: 'user', content: 'hi' }], max_tokens: 100 }

async function askPlain(headers: Record<string, string> = {}): Promise<Response> {
  return fetch(`${world.gateway.origin}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${account.key}`, ...headers },
    body: JSON.stringify(BODY),
  })
}

async function askSealed(): Promise<Response> {
  const publicKey = sealingKeyOf(runner.keyset, 'ehbp-x25519')
  if (publicKey === undefined) throw new TypeError('the test runner has one')
  const body = utf8(JSON.stringify(BODY))
  const sealed = await sealRequest(nodeProvider, { suite: 'ehbp-x25519', publicKey, body })
  return fetch(`${world.gateway.origin}/runners/${runner.id}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${account.key}`, ...sealed.headers },
    body: sealed.body,
  })
}

/** What the gateway says of the latest receipt; undefined: nothing yet. */
async function told(): Promise<string | undefined> {
  const { results } = await runner.deliver()
  // Sound: the runner signed it, so it is an object with an id.
  const latest = runner.outbox.at(-1)?.receipt as { receipt_id: string } | undefined
  return results.find(({ receipt_id }) => receipt_id === latest?.receipt_id)?.status
}

/** As time goes by, until the books have it. */
async function expectGivenBack(): Promise<void> {
  const look = (): Promise<object> => {
    world.elapse(RETRY_TICKS)
    return account.balance()
  }
  await expect.poll(look, { timeout: 30_000, interval: 10 }).toEqual(UNTOUCHED)
  expect(await told()).toBe('refused')
  expect(await account.balance()).toEqual(UNTOUCHED)
}

test.each([
  ['plain', () => askPlain()],
  ['sealed', askSealed],
])(
  'a %s request that failed is not charged by a receipt that comes before its hold is given back',
  async (_, ask) => {
    account = await world.account(FUNDS)
    let asked = 0
    runner.behave(({ receipt, response }) => {
      if (asked === 0) breakBooks()
      asked++
      receipt()
      response.destroy()
    })
    const answer = await ask()
    // Nothing is said of what was charged, which a gateway that is killed now would forget.
    expect([answer.status, (await answer.json()).error.code]).toEqual([503, 'overloaded'])
    expect(await told()).toBeUndefined()
    world.elapse(RETRY_TICKS)
    expect(await told()).toBeUndefined()
    expect((await account.balance()).held).toBeGreaterThan(0n)
    mendBooks()
    await expectGivenBack()
  },
)

/** A request that failed while its hold could not be given back, in books that take writes again. */
async function leaveUnwritten(): Promise<void> {
  account = await world.account(FUNDS)
  runner.behave(({ receipt, response }) => {
    breakBooks()
    receipt()
    response.destroy()
  })
  await askSealed()
  mendBooks()
}

test('a receipt that lied in its answer does not come by the outbox instead', async () => {
  account = await world.account(FUNDS)
  runner.behave((exchange) => {
    breakBooks()
    const lie = { responseHash: `sha256:${'00'.repeat(32)}` }
    answerInOrder({ ...exchange, receipt: () => exchange.receipt(lie) })
  })
  const answer = await askPlain()
  expect(answer.status).toBe(200)
  await answer.text()
  await account.balance()
  expect(await told()).toBeUndefined()
  mendBooks()
  await expectGivenBack()
})

test('a gateway that stops first gives back what its books had no room for', async () => {
  await leaveUnwritten()
  await world.restart()
  expect(await account.balance()).toEqual(UNTOUCHED)
  expect(await told()).toBe('refused')
})

test('a refusal is told also where its idempotency key cannot be freed, which is done later', async () => {
  account = await world.account(1n)
  runner.behave(answerInOrder)
  const ask = async (): Promise<string> => {
    const answer = await askPlain({ 'idempotency-key': 'once' })
    return (await answer.json()).error.code
  }
  books.script(`CREATE TRIGGER no_room BEFORE DELETE ON idempotency
    BEGIN SELECT RAISE(ABORT, 'no room'); END`)
  expect(await ask()).toBe('insufficient_credits')
  expect(await ask()).toBe('idempotent_repeat')
  mendBooks()
  const later = (): Promise<string> => {
    world.elapse(RETRY_TICKS)
    return ask()
  }
  await expect.poll(later, { timeout: 30_000, interval: 10 }).toBe('insufficient_credits')
})

test('a gateway that cannot save how its runners did stops all the same, and writes the rest', async () => {
  await leaveUnwritten()
  books.script(`CREATE TRIGGER no_scores BEFORE INSERT ON runner_scores
    BEGIN SELECT RAISE(ABORT, 'no room'); END`)
  try {
    await world.restart()
  } finally {
    books.script('DROP TRIGGER no_scores')
  }
  expect(await account.balance()).toEqual(UNTOUCHED)
})
