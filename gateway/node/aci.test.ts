import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { keysetDigest } from '#protocol'
import { answerInOrder } from '../testing/runner-answers.ts'
import { startTestRunner, type TestRunner } from '../testing/test-runner.ts'
import { MODEL, startTestWorld, type TestAccount, type TestWorld } from '../testing/world.ts'

/** What ACI asks of an aggregator's surface, over HTTP. @see aci/1, sections 5.2, 5.3 and 10 */
let world: TestWorld
let first: TestRunner
let second: TestRunner
let account: TestAccount

const FUNDS = 1_000_000n
const PATH = '/v1/chat/completions'

beforeAll(async () => {
  world = await startTestWorld()
  first = await startTestRunner(world, { machine: 0 })
  second = await startTestRunner(world, { machine: 1 })
  account = await world.account(FUNDS)
})
afterAll(async () => {
  await first?.close()
  await second?.close()
  await world?.close()
})
afterEach(() => {
  for (const runner of [first, second]) {
    runner.behave(answerInOrder)
    runner.refuse(undefined)
  }
})

function ask(provider: object): Promise<Response> {
  const messages = [{ role: 'user', content: 'hi' }]
  return fetch(world.gateway.origin + PATH, {
    method: 'POST',
    headers: { authorization: `Bearer ${account.key}` },
    body: JSON.stringify({ model: MODEL, messages, max_tokens: 100, provider }),
  })
}

const errorOf = async (response: Response) => (await response.json()).error
const asked = () => first.seen.length + second.seen.length

describe('a prompt pinned to sessions that its caller verified', () => {
  test('is served by one of them, and by no other', async () => {
    for (const runner of [first, second, first, second]) {
      const response = await ask({ aci_session_ids: [runner.sessionId, '00'.repeat(32)] })
      expect(response.status).toBe(200)
      expect(response.headers.get('x-cocoon-session-id')).toBe(runner.sessionId)
      const { cocoon_receipt: receipt } = await response.json()
      expect(receipt.workload_keyset_digest).toBe(keysetDigest(runner.keyset))
      expect(response.headers.get('x-aci-keyset-digest')).toBe(keysetDigest(runner.keyset))
    }
  })

  test('that none of them can serve is refused, and nobody sees it', async () => {
    const before = { count: asked(), balance: await account.balance() }
    const response = await ask({ aci_verified: true, aci_session_ids: ['00'.repeat(32)] })
    expect(response.status).toBe(412)
    expect(await errorOf(response)).toMatchObject({
      ...{ type: 'session_not_accepted', code: 'session_not_accepted' },
      param: 'provider.aci_session_ids',
    })
    expect({ count: asked(), balance: await account.balance() }).toEqual(before)
  })

  test('does not fail over to another', async () => {
    first.refuse((response) => response.destroy())
    const before = second.seen.length
    const response = await ask({ aci_session_ids: [first.sessionId] })
    expect(response.status).toBe(502)
    expect(second.seen).toHaveLength(before)
  })

  test('is not served by simulated hardware when it asks for verified', async () => {
    const response = await ask({ aci_verified: true })
    expect(response.status).toBe(503)
    expect(await errorOf(response)).toMatchObject({ type: 'upstream_verification_failed' })
    expect((await ask({ aci_verified: false })).status).toBe(200)
  })

  test.each<[string, object]>([
    ['an unknown demand', { aci_region: 'eu' }],
    ['an empty list', { aci_session_ids: [] }],
    ['no list', { aci_session_ids: 'all' }],
    ['an id in another spelling', { aci_session_ids: ['AB'.repeat(32)] }],
    ['sessions, but unverified', { aci_verified: false, aci_session_ids: ['00'.repeat(32)] }],
    ['a word for a boolean', { aci_verified: 'yes' }],
  ])('%s is refused and never ignored', async (_, provider) => {
    const before = asked()
    const response = await ask(provider)
    expect(response.status).toBe(400)
    expect(await errorOf(response)).toMatchObject({ type: 'invalid_request_error' })
    expect(asked()).toBe(before)
  })
})

test('every answer names the protocol’s version', async () => {
  const { origin } = world.gateway
  const own = world.gateway.runnerOrigins().get(first.id as never)
  const answers = await Promise.all([
    fetch(`${origin}/v1/models`),
    fetch(`${origin}/v1/no-such-route`),
    fetch(`${origin}${PATH}`, { method: 'POST', body: '{}' }),
    fetch(`${origin}${PATH}`, { method: 'OPTIONS' }),
    fetch(`${origin}/runners/${first.id}/v1/aci/attestation`),
    fetch(`${own}/.well-known/hpke-keys`),
    ask({}),
  ])
  expect(answers.map(({ status }) => status)).toEqual([200, 404, 401, 204, 200, 200, 200])
  for (const { headers } of answers) expect(headers.get('x-aci-version')).toBe('aci/1')
  for (const { headers } of answers.slice(4, 6)) {
    expect(headers.get('x-aci-keyset-digest')).toBe(keysetDigest(first.keyset))
  }
})
