import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createCollateralSource, DEFAULT_POLICY, defaultCollateralSettings } from '#attestation'
import { unixMs } from '#base/brand.ts'
import { utf8 } from '#base/bytes.ts'
import { nano } from '#base/nano.ts'
import { makeSimulatedTee, simulationOf } from '#dev/world/simulated-tee.ts'
import { jsonFrameBeforeReceipt, jsonReceiptFrame, sealingKeyOf, sealRequest } from '#protocol'
import { nodeProvider } from '#protocol/node'
import { runnerId } from '../db/ids.ts'
import { openChain } from '../money/open-chain.ts'
import { createAllowlistSource } from '../runners/allowlist-source.ts'
import { appraiseLeases } from '../runners/appraise-leases.ts'
import type { RunnersDeps } from '../runners/deps.ts'
import { createDirectory } from '../runners/directory.ts'
import { createReadRegistry } from '../runners/read-registry.ts'
import { createRunnerStore } from '../runners/runner-store.ts'
import {
  answerInOrder,
  endStream,
  startStream,
  type TestExchange,
} from '../testing/runner-answers.ts'
import { startTestRunner, type TestRunner } from '../testing/test-runner.ts'
import {
  ADMIN_KEY,
  MODEL,
  randomBytes,
  startTestWorld,
  type TestAccount,
  type TestWorld,
} from '../testing/world.ts'
import { openSqlite } from './open-sqlite.ts'

/** What falls between two steps of one request, registration or appraisal. */

const FUNDS = 1_000_000n
const OTHER_PAYEE = `0:${'77'.repeat(32)}`

let world: TestWorld
let rival: TestRunner
let honest: TestRunner
let account: TestAccount

beforeAll(async () => {
  world = await startTestWorld({}, await makeSimulatedTee(Math.floor(Date.now() / 1000), 3))
  rival = await startTestRunner(world, { payee: OTHER_PAYEE, maxOutputTokens: 100 })
  honest = await startTestRunner(world, { machine: 1 })
  account = await world.account(FUNDS)
})
afterAll(async () => {
  await rival?.close()
  await honest?.close()
  await world?.close()
})

const BODY = { model: MODEL, messages: [{ role: 'user', content: 'hi' }] }

function post(path: string, key: string, body: object): Promise<Response> {
  return fetch(world.gateway.origin + path, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}` },
    body: JSON.stringify(body),
  })
}

/** Asks the rival first, who fails: the honest one answers the second attempt. */
function ask(key: string, limit: object = { max_tokens: 100 }): Promise<Response> {
  const provider = { order: [rival.id, honest.id] }
  return post('/v1/chat/completions', key, { ...BODY, stream: true, provider, ...limit })
}

/** What a key may still use this minute, and the holds of its account. */
async function left(key: string): Promise<{ tokens: string | null; held: bigint }> {
  const headers = { authorization: `Bearer ${key}` }
  const own = await fetch(`${world.gateway.origin}/v1/key`, { headers })
  const read = await fetch(`${world.gateway.origin}/v1/account`, { headers })
  // Sound: a 200 of this route has this shape.
  const { balance } = (await read.json()) as { balance: { held: string } }
  return { tokens: own.headers.get('x-ratelimit-remaining-tokens'), held: BigInt(balance.held) }
}

async function limitedKey(owner: TestAccount, tokens: number): Promise<string> {
  const made = await post('/v1/keys', owner.key, { tokens_per_minute: tokens })
  // Sound: a 201 of this route has this shape.
  return ((await made.json()) as { key: string }).key
}

/** A failure inside the seal, after which another runner is asked. */
function answerBroken({ response, sealer, headers, receipt }: TestExchange): void {
  response.writeHead(500, { ...headers, 'content-type': 'application/json' })
  response.write(sealer.seal(jsonFrameBeforeReceipt(utf8('{"error":{"message":"broken"}}'))))
  response.write(sealer.seal(jsonReceiptFrame(receipt({ prompt: 0, completion: 0 }))))
  response.end(sealer.end())
}

test('a host that failed a request cannot void the pay of the one that answers it (H21)', async () => {
  // It knows the request's id and reference; the lie is under its own key, about another's attempt.
  rival.behave((exchange) => {
    answerBroken(exchange)
    exchange.receipt({ attempt: 2, cost: nano(1n) })
  })
  const asked = Promise.withResolvers<TestExchange>()
  honest.behave((exchange) => {
    startStream(exchange)
    asked.resolve(exchange)
  })
  const answer = ask(account.key)
  const exchange = await asked.promise
  expect(exchange.allowance.attempt).toBe(2)
  const { results } = await rival.deliver()
  expect(results.at(-1)).toMatchObject({ status: 'refused' })

  endStream(exchange)
  expect((await answer).headers.get('x-receipt-id')).toMatch(/\.2$/)
  await (await answer).text()
  honest.behave(answerInOrder)
  const { available, held } = await account.balance()
  expect(held).toBe(0n)
  expect(available).toBeLessThan(FUNDS)
  expect((await honest.deliver()).results).toMatchObject([{ status: 'duplicate' }])
})

test('a second attempt that its key may not make leaves no hold of the first one', async () => {
  rival.behave(answerBroken)
  // The rival answers with 100 tokens at most, the honest one with a thousand.
  const key = await limitedKey(account, 600)
  const answer = await ask(key, {})
  expect(answer.status).toBe(429)
  expect((await answer.json()).error.code).toBe('request_exceeds_limit')
  expect(await left(key)).toEqual({ tokens: '600', held: 0n })
})

test('a request that the account cannot pay takes no tokens of its key', async () => {
  const key = await limitedKey(await world.account(10n), 600)
  for (let i = 0; i < 3; i++) expect((await ask(key)).status).toBe(402)
  expect(await left(key)).toEqual({ tokens: '600', held: 0n })
})

test('a machine that registers twice at once is one runner (H7)', async () => {
  const twice = await Promise.allSettled([
    startTestRunner(world, { machine: 2 }),
    startTestRunner(world, { machine: 2 }),
  ])
  const made = twice.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
  for (const runner of made) await runner.close()
  expect(new Set(made.map(({ id }) => id)).size).toBe(1)
})

describe('a runner that registers anew', () => {
  test('while its old lease is judged keeps the new one', async () => {
    const sqlite = openSqlite(world.config.databasePath)
    const store = createRunnerStore(sqlite)
    const id = runnerId(rival.id)
    const before = await store.leased([id])
    const renewed = await startTestRunner(world, { payee: OTHER_PAYEE })
    expect(renewed.id).toBe(rival.id)
    const directory = createDirectory()
    const deps = await judging(directory)
    await appraiseLeases({ ...deps, store })
    expect(directory.find(id)?.lease.session).toBe(renewed.sessionId)
    await appraiseLeases({
      ...deps,
      store: { ...store, leased: (only) => (only === undefined ? before : store.leased(only)) },
    })
    expect(directory.find(id)?.lease.session).toBe(renewed.sessionId)
    await renewed.close()
    sqlite.close()
  })
})

/** What judges evidence of this world, into a directory of its own. */
async function judging(directory: RunnersDeps['directory']): Promise<RunnersDeps> {
  const clock = () => unixMs(Date.now())
  const log = (): void => {}
  const { chain } = world.config
  const { anchors, collateral } = await simulationOf(world.tee)
  const provider = openChain({ fetch, wait: async () => {}, chance: () => 0 }, chain.endpoint)
  const settings = defaultCollateralSettings(randomBytes)
  const store = { get: async () => undefined, put: async () => {} }
  // Sound: an appraisal reads these members alone.
  return {
    provider: nodeProvider,
    directory,
    allowlist: createAllowlistSource({
      readRegistry: createReadRegistry(provider, chain.registry, { witnesses: [], clock }),
      floor: { get: () => 0, put: () => {} },
      denials: [],
      clock,
      log,
    }),
    collateral: createCollateralSource(settings, { fetch, clock, store, background: () => {} }),
    collateralSettings: settings,
    anchors,
    givenCollateral: collateral,
    gpu: { ...DEFAULT_POLICY.gpu, presence: 'required' },
    origins: { assign: async (_, previous) => previous ?? '' },
    clock,
    log,
  } as Partial<RunnersDeps> as RunnersDeps
}

test('a sealed request that waited for a runner is not sent once the operator denies it (M8)', async () => {
  const one = await startTestRunner(world, { machine: 1, capacity: 1 })
  expect(one.id).toBe(honest.id)
  const taken = Promise.withResolvers<TestExchange>()
  one.behave((exchange) => {
    startStream(exchange)
    taken.resolve(exchange)
  })
  const first = post('/v1/chat/completions', account.key, {
    ...BODY,
    stream: true,
    provider: { only: [one.id] },
  })
  const exchange = await taken.promise
  const publicKey = sealingKeyOf(one.keyset, 'ehbp-x25519')
  if (publicKey === undefined) throw new TypeError('the test runner has one')
  const body = utf8(JSON.stringify({ ...BODY, max_tokens: 10 }))
  const sealed = await sealRequest(nodeProvider, { suite: 'ehbp-x25519', publicKey, body })
  const waits = fetch(`${world.gateway.origin}/runners/${one.id}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${account.key}`, ...sealed.headers },
    body: sealed.body,
  })
  await expect.poll(queued, { timeout: 60_000, interval: 10 }).toBe(1)
  await post(`/admin/runners/${one.id}/deny`, ADMIN_KEY, {})
  endStream(exchange)
  await (await first).text()
  const refused = await waits
  await post(`/admin/runners/${one.id}/admit`, ADMIN_KEY, {})
  expect([refused.status, (await refused.json()).error.code]).toEqual([503, 'no_runner'])
  expect(one.seen).toHaveLength(1)
  await one.close()
})

async function queued(): Promise<number> {
  const text = await (await fetch(`${world.gateway.origin}/metrics`)).text()
  return Number(/^cocoon_queue_requests (\d+)$/m.exec(text)?.[1])
}
