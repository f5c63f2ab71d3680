import { afterAll, beforeAll, expect, test } from 'vitest'
import { unixMs } from '#base/brand.ts'
import { startTestRunner, type TestRunner } from '#gateway/testing/test-runner.ts'
import { MODEL, startTestWorld, type TestAccount, type TestWorld } from '#gateway/testing/world.ts'
import { until } from '../support/account.ts'

const DAY_MS = 86_400_000
const FUNDS = 1_000_000_000n

let skewMs = 0
let world: TestWorld
let runner: TestRunner
let account: TestAccount

beforeAll(async () => {
  const clock = () => unixMs(Date.now() + skewMs)
  world = await startTestWorld({}, undefined, undefined, clock)
  runner = await startTestRunner(world)
  account = await world.account(FUNDS)
})
afterAll(async () => {
  await runner?.close()
  await world?.close()
})

const ask = () =>
  fetch(`${world.gateway.origin}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${account.key}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model: MODEL, messages: [{ role: 'user', content: 'Hello' }] }),
  })

test.each([
  ['forward', DAY_MS],
  ['back', -DAY_MS],
])(
  'a clock that jumps a day %s and is set right: nothing is charged twice, and what stops says so and heals',
  async (_, jump) => {
    const settledBefore = FUNDS - (await account.balance()).available
    let served = 0
    const answer = async () => {
      const response = await ask()
      if (response.status === 200) {
        served++
        await response.arrayBuffer()
      }
      return response
    }
    expect((await answer()).status).toBe(200)
    skewMs = jump
    const meanwhile = await answer()
    // Ahead, every verdict is too old to seal anything to anybody; behind, they are good for longer.
    if (jump > 0) {
      expect(meanwhile.status).toBe(503)
      expect(meanwhile.headers.get('retry-after')).toBe('1')
      expect(await meanwhile.json()).toMatchObject({ error: { code: 'no_runner' } })
    }
    skewMs = 0
    await until(
      'an answer',
      async () => {
        await runner.heartbeat()
        return answer()
      },
      ({ status }) => status === 200,
    )
    // Everything comes a second time.
    await runner.deliver()
    await runner.deliver()
    const [audit] = await world.ledger.commit([{ op: 'audit' }])
    expect(audit.broken).toEqual([])
    const { available, held } = await account.balance()
    expect(held).toBe(0n)
    const each = 23n
    expect(FUNDS - available - settledBefore).toBe(BigInt(served) * each)
  },
)
