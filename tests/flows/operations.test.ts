import { afterAll, beforeAll, expect, test } from 'vitest'
import type { World } from '#dev/world/world.ts'
import { type Payer, readyPayer, until } from '../support/account.ts'
import { openWorld, SCRIPTED, SCRIPTED_MODEL, WORLD_START_MS } from '../support/open-world.ts'

/** What an operator sees, and what happens when there is more to do than machines to do it. */
const TOKEN = 'the-metrics-token-of-a-test'
const PLACES = 2
/** Ten tokens, a twentieth of a second each. */
const SLOW = 'c10g50'

let world: World
let payer: Payer

beforeAll(async () => {
  world = await openWorld({ engine: SCRIPTED, capacity: PLACES, metricsToken: TOKEN })
  payer = readyPayer(world)
}, WORLD_START_MS)
afterAll(() => world?.stop())

const ask = () => payer.chat({ model: SCRIPTED_MODEL, messages: [{ role: 'user', content: SLOW }] })

test('requests for which every runner is busy wait for a place, and are all answered', async () => {
  const answers = await Promise.all(
    Array.from({ length: 4 * PLACES }, async () => {
      const response = await ask()
      await response.arrayBuffer()
      return response.status
    }),
  )
  expect(answers).toEqual(answers.map(() => 200))
})

function metrics(authorization: string): Promise<Response> {
  return fetch(`${world.info.webUrl}/metrics`, { headers: { authorization } })
}

test('metrics count requests, tokens, cost and waits, and say how runners and the chain stand', async () => {
  await payer.until('every receipt', ({ held }) => held === 0n)
  const { settled } = await payer.read()
  const read = async () => (await metrics(`Bearer ${TOKEN}`)).text()
  const text = await until('the counts', read, (shown) =>
    shown.includes(`cocoon_settled_nano_total ${settled}`),
  )
  const value = (series: string): number =>
    Number(
      text
        .split('\n')
        .find((line) => line.startsWith(`${series} `))
        ?.split(' ')[1],
    )
  expect(value('cocoon_tokens_total{kind="completion"}')).toBe(4 * PLACES * 10)
  expect(value('cocoon_queue_seconds_count')).toBeGreaterThan(0)
  expect(text).toMatch(/cocoon_request_seconds_count\{[^}]*path="\/v1\/chat\/completions"[^}]*\} 8/)
  expect(value('cocoon_runners{state="free"}')).toBe(1)
  const known = value('cocoon_job_success_timestamp_seconds{job="deposits"}')
  expect(Date.now() / 1000 - known).toBeLessThan(600)
  expect(value('cocoon_registry_age_seconds')).toBeLessThan(600)
  for (const stranger of ['', 'Bearer another-token-of-nobody-here']) {
    expect((await metrics(stranger)).status).toBe(404)
  }
})

test('the operator sees how the cashier and its gas stand', async () => {
  const cashier = async () => {
    const headers = { authorization: `Bearer ${world.info.adminKey}` }
    return (await fetch(`${world.info.webUrl}/admin/cashier`, { headers })).json()
  }
  const shown = await until(
    'a round, and a snapshot with the account',
    cashier,
    ({ last_round, liabilities }) => last_round !== null && liabilities.accounts !== '0',
  )
  expect(BigInt(shown.gas_wallet.balance)).toBeGreaterThan(0n)
})
