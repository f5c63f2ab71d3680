import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { utf8 } from '#base/bytes.ts'
import { type Capabilities, sealingKeyOf, sealRequest } from '#protocol'
import { nodeProvider } from '#protocol/node'
import { startTestRunner, type TestRunner } from '../testing/test-runner.ts'
import { MODEL, startTestWorld, type TestAccount, type TestWorld } from '../testing/world.ts'

const TEXTS: Capabilities = {
  endpoints: ['/v1/completions', '/v1/embeddings'],
  supported_parameters: ['max_tokens', 'seed', 'tools'],
  input_modalities: ['text'],
}
const CHATS: Capabilities = {
  endpoints: ['/v1/chat/completions', '/v1/embeddings'],
  supported_parameters: ['seed', 'max_tokens', 'top_k'],
  input_modalities: ['text', 'image'],
}
const NOTHING: Capabilities = { endpoints: [], supported_parameters: [], input_modalities: [] }
const FUNDS = 100_000_000n

let world: TestWorld
let account: TestAccount
const runners: TestRunner[] = []

async function start(changes: Parameters<typeof startTestRunner>[1]): Promise<TestRunner> {
  const runner = await startTestRunner(world, changes)
  runners.push(runner)
  return runner
}

beforeAll(async () => {
  world = await startTestWorld()
  account = await world.account(FUNDS)
})
afterAll(async () => {
  for (const runner of runners) await runner.close()
  await world?.close()
})

/** What the model list says that the model does. */
async function listed(): Promise<Capabilities> {
  const response = await fetch(`${world.gateway.origin}/v1/models/${MODEL}`)
  const { endpoints, supported_parameters, input_modalities } = await response.json()
  return { endpoints, supported_parameters, input_modalities }
}

const BODY = { model: MODEL, messages: [{ role: 'user', content: 'hi' }] }

function chat(at: TestWorld, { key }: TestAccount, more: object = {}): Promise<Response> {
  return fetch(`${at.gateway.origin}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}` },
    body: JSON.stringify({ ...BODY, ...more }),
  })
}

/** One after another: each begins where the one before has ended. */
describe('a model does what every runner of it says', () => {
  let texts: TestRunner

  test('nobody serves it: nothing is promised', async () => {
    expect(await listed()).toEqual(NOTHING)
  })

  test('one runner: what it says, also after a restart', async () => {
    texts = await start({ machine: 0, capabilities: TEXTS })
    expect(await listed()).toEqual(TEXTS)
    await world.restart()
    expect(await listed()).toEqual(TEXTS)
  })

  test('an endpoint that no runner serves is refused before money and runner are touched', async () => {
    const before = await account.balance()
    const response = await chat(world, account)
    expect(response.status).toBe(404)
    expect(response.headers.get('x-should-retry')).toBe('false')
    expect((await response.json()).error).toMatchObject({
      code: 'unsupported_endpoint',
      param: 'model',
    })
    expect(await account.balance()).toEqual(before)
    expect(texts.seen).toHaveLength(0)
  })

  test('a sealed request for such an endpoint is refused likewise', async () => {
    const publicKey = sealingKeyOf(texts.keyset, 'ehbp-x25519')
    if (publicKey === undefined) throw new TypeError('the test runner has this suite')
    const sealed = await sealRequest(nodeProvider, {
      suite: 'ehbp-x25519',
      publicKey,
      body: utf8(JSON.stringify(BODY)),
    })
    const response = await fetch(
      `${world.gateway.origin}/runners/${texts.id}/v1/chat/completions`,
      {
        method: 'POST',
        headers: { ...sealed.headers, authorization: `Bearer ${account.key}` },
        body: sealed.body,
      },
    )
    expect(response.status).toBe(404)
    expect((await response.json()).error.code).toBe('unsupported_endpoint')
    expect(texts.seen).toHaveLength(0)
  })

  test('two runners: what both say, and each request goes to one that serves it', async () => {
    const other = await start({ machine: 1, capabilities: CHATS })
    expect(await listed()).toEqual({
      endpoints: ['/v1/embeddings'],
      supported_parameters: ['max_tokens', 'seed'],
      input_modalities: ['text'],
    })
    const runnerList = await (await fetch(`${world.gateway.origin}/v1/runners`)).json()
    const told = new Map(
      runnerList.data.map((one: TestRunner & Capabilities) => [one.id, one.endpoints]),
    )
    expect(told.get(texts.id)).toEqual(TEXTS.endpoints)
    expect(told.get(other.id)).toEqual(CHATS.endpoints)
    for (let i = 0; i < 8; i++) expect((await chat(world, account)).status).toBe(200)
    expect(other.seen).toHaveLength(8)
    expect(texts.seen).toHaveLength(0)
  })
})

test('who insists on all parameters gets a runner that honours them, or a refusal that costs nothing', async () => {
  const apart = await startTestWorld()
  const says = (...supported_parameters: Capabilities['supported_parameters']) => ({
    capabilities: { ...CHATS, supported_parameters },
  })
  const tools = await startTestRunner(apart, { machine: 0, ...says('seed', 'tools') })
  const top = await startTestRunner(apart, { machine: 1, ...says('seed', 'top_k') })
  try {
    const caller = await apart.account(FUNDS)
    const insist = (more: object) =>
      chat(apart, caller, { provider: { require_parameters: true }, seed: 1, ...more })
    for (let i = 0; i < 8; i++) {
      expect((await insist({ tools: [{}] })).status).toBe(200)
      expect((await insist({ top_k: 3 })).status).toBe(200)
    }
    expect([tools.seen.length, top.seen.length]).toEqual([8, 8])
    const refused = await insist({ tools: [{}], top_k: 3 })
    expect(refused.status).toBe(400)
    expect((await refused.json()).error).toMatchObject({
      code: 'unsupported_parameter',
      param: 'provider.require_parameters',
    })
    expect([tools.seen.length, top.seen.length]).toEqual([8, 8])
    // Who does not insist is answered by whoever has room.
    expect((await chat(apart, caller, { tools: [{}], top_k: 3 })).status).toBe(200)
  } finally {
    for (const runner of [tools, top]) await runner.close()
    await apart.close()
  }
})

test('a runner that says nothing promises nothing, and is asked everything', async () => {
  const silent = await startTestWorld()
  const runner = await startTestRunner(silent)
  try {
    const models = await (await fetch(`${silent.gateway.origin}/v1/models`)).json()
    expect(models.data[0]).toMatchObject(NOTHING)
    const response = await chat(silent, await silent.account(FUNDS))
    expect(response.status).toBe(200)
    expect(runner.seen).toHaveLength(1)
    const insisting = { seed: 1, provider: { require_parameters: true } }
    expect((await chat(silent, await silent.account(FUNDS), insisting)).status).toBe(400)
  } finally {
    await runner.close()
    await silent.close()
  }
})
