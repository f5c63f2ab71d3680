import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { nanoPerMillion } from '#base/nano.ts'
import { newAccountOwner, signAccountRequest } from '#client'
import { type AccountKeys, accountIdOf, accountKeysToJson, webSha256 } from '#contracts'
import { startTestRunner, type TestRunner } from '#gateway/testing/test-runner.ts'
import { MODEL, startTestWorld, type TestWorld } from '#gateway/testing/world.ts'
import type { Prices } from '#protocol'
import { Payer } from '../support/account.ts'
import { costOf, usageOf } from '../support/stranger.ts'

/** Attacks on the main job as a whole, by the letters under which they were thought of. */
let world: TestWorld
let runner: TestRunner

beforeAll(async () => {
  world = await startTestWorld()
  runner = await startTestRunner(world)
}, 120_000)
afterAll(async () => {
  await runner?.close()
  await world?.close()
})

const random = (length: number) => crypto.getRandomValues(new Uint8Array(length))
const nowSeconds = () => Math.floor(Date.now() / 1000)

async function fundedPayer(): Promise<Payer> {
  const { id, key } = await world.account(1_000_000n)
  return new Payer(world.gateway.origin, key, id)
}

const open = (body: unknown) =>
  fetch(`${world.gateway.origin}/v1/accounts`, { method: 'POST', body: JSON.stringify(body) })

describe('C2: whoever knows an account’s keys cannot spend from it', () => {
  const signed = (owner: Awaited<ReturnType<typeof newAccountOwner>>) =>
    signAccountRequest(owner, {
      gateway: world.gateway.origin,
      random,
      nowSeconds: nowSeconds(),
    })

  test('a request that was seen once opens nothing a second time', async () => {
    const request = await signed(await newAccountOwner({ mode: 'managed', random }))
    expect((await open(request)).status).toBe(201)
    const again = await open(request)
    expect(again.status).toBeGreaterThanOrEqual(400)
    expect(await again.text()).not.toContain('sk-coc-')
  })

  test('the public half, signed by somebody else or by nobody, gets no key', async () => {
    const victim = await newAccountOwner({ mode: 'managed', random })
    expect((await open(await signed(victim))).status).toBe(201)
    const thief = await newAccountOwner({ mode: 'managed', random })
    const forged = await signed({ ...victim, ownerSecret: thief.ownerSecret })
    const { signature: _, ...unsigned } = await signed(victim)
    for (const body of [forged, unsigned]) {
      const answer = await open(body)
      expect(answer.status).toBe(403)
      expect(await answer.text()).not.toContain('sk-coc-')
    }
  })

  test('keys without the owner’s own randomness name no account', async () => {
    const keys = { owner: `0:${'ab'.repeat(32)}`, salt: '00'.repeat(8) }
    const answer = await open({
      keys,
      mode: 'managed',
      issued_at: nowSeconds(),
      nonce: '11'.repeat(16),
    })
    expect(answer.status).toBe(400)
  })

  test('two owners with one wallet have two accounts', async () => {
    const wallet = `0:${'ab'.repeat(32)}`
    const keysOf = (): AccountKeys => ({
      owner: wallet,
      ownerKey: null,
      spendKey: null,
      salt: random(16),
    })
    const [mine, theirs] = [keysOf(), keysOf()]
    const ids = await Promise.all([mine, theirs].map((k) => accountIdOf(k, 'managed', webSha256)))
    expect(new Set(ids).size).toBe(2)
    expect(accountKeysToJson(mine).salt).not.toBe(accountKeysToJson(theirs).salt)
  })
})

describe('M2: the reservation’s price is the price', () => {
  test('a runner that signs a higher one by its outbox is paid at the agreed one', async () => {
    const payer = await fundedPayer()
    let agreed: Prices | undefined
    const asked = new Promise<void>((resolve) => {
      runner.behave(({ allowance, receipt, response }) => {
        agreed = allowance.price
        const output = nanoPerMillion(agreed.output * 1_000n)
        receipt({ stop: 'aborted', price: { ...agreed, output } })
        response.on('close', resolve)
      })
    })
    const leave = new AbortController()
    const body = { model: MODEL, max_tokens: 100, messages: [{ role: 'user', content: 'hi' }] }
    const answer = payer.chat(body, leave.signal).catch(() => undefined)
    await payer.until('the hold', ({ held }) => held > 0n)
    leave.abort()
    await Promise.all([answer, asked])
    await runner.deliver()
    const after = await payer.until('the receipt', ({ held }) => held === 0n)
    const signed = usageOf(JSON.parse(JSON.stringify(runner.outbox.at(-1)?.receipt)))
    const price = JSON.parse(
      JSON.stringify(agreed, (_, value) => (typeof value === 'bigint' ? String(value) : value)),
    )
    expect(after.settled).toBe(costOf({ ...signed, price }))
    expect(after.settled).toBeLessThan(costOf(signed))
  })
})

/** Rows of the attack list that the main job answers for. */
const ROWS = ['C2', 'H20', 'H21', 'M2', 'M6', 'M10']
const ROOT = join(import.meta.dirname, '..', '..')
const TITLE = /(?:test|describe)(?:\.each\([^)]*\))?\(\s*['"`]([^'"`]*)/g

test.each(ROWS)('%s is named by the title of a test', (row) => {
  const files = execFileSync('git', ['ls-files', '-co', '--exclude-standard', '*.test.ts'], {
    cwd: ROOT,
  })
  const titles = files
    .toString()
    .trim()
    .split('\n')
    .flatMap((file) => [...readFileSync(join(ROOT, file), 'utf8').matchAll(TITLE)])
    .map(([, title = '']) => title)
  expect(titles.filter((title) => new RegExp(`\\b${row}\\b`).test(title))).not.toEqual([])
})
