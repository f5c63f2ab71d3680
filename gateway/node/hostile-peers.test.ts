import { Address } from '@ton/core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { fromHex } from '#base/bytes.ts'
import { revokeBody } from '#contracts'
import { openDevWallet } from '#dev/chain/wallet.ts'
import { simulationOf } from '#dev/world/simulated-tee.ts'
import { keysetDigest, type Report, signRegistration } from '#protocol'
import { generateSigner } from '#protocol/node'
import { startTestRunner, type TestRunner } from '../testing/test-runner.ts'
import { ADMIN_KEY, MODEL, PAYEE, startTestWorld, type TestWorld } from '../testing/world.ts'

const METRICS_TOKEN = 'a token for the metrics only'
const OTHER_PAYEE = `0:${'77'.repeat(32)}`

let world: TestWorld
let honest: TestRunner

beforeAll(async () => {
  world = await startTestWorld({ metricsToken: METRICS_TOKEN })
  honest = await startTestRunner(world)
})
afterAll(async () => {
  await honest?.close()
  await world?.close()
})

/** Sound where it is used: the routes asked have the shape that the caller names. */
async function post<T>(path: string, body: unknown, headers: Record<string, string> = {}) {
  const response = await fetch(world.gateway.origin + path, {
    method: 'POST',
    headers,
    body: JSON.stringify(body),
  })
  return { status: response.status, headers: response.headers, body: (await response.json()) as T }
}

const newChallenge = async (): Promise<string> =>
  (await post<{ challenge: string }>('/v1/runners/challenge', {})).body.challenge

/** A registration of somebody's report under a wallet and key of the sender's choice. */
function registration(
  report: Report,
  challenge: string,
  payee: string,
  signer = generateSigner('receipt-1'),
) {
  return signRegistration(
    {
      gateway: world.gateway.origin,
      challenge,
      payee,
      transport: { kind: 'direct', url: 'http://127.0.0.1:1' },
      model: {
        id: MODEL,
        context_length: 4_096,
        max_output_tokens: 1_024,
        price_coefficient_bps: 10_000,
      },
      capacity: 8,
      sequence: 9,
      keyset_digest: report.workload_keyset_digest,
    },
    report,
    signer,
  )
}

const refusalOf = (promise: Promise<TestRunner>): Promise<string> =>
  promise.then(
    async (runner) => {
      await runner.close()
      return 'registered'
    },
    (refused: { error: { code: string } }) => refused.error.code,
  )

test('a runner of another protocol version is told to upgrade', async () => {
  for (const versions of [[], ['ehbp'], ['ehbp', 'cocoon/9']]) {
    const refused = startTestRunner(world, { machine: 1, versions })
    await expect(refused).rejects.toMatchObject({
      status: 426,
      error: { code: 'version_unsupported', message: expect.stringContaining('upgrade') },
    })
  }
})

describe('a host cannot (H7)', () => {
  test.each([
    ['under its own wallet', OTHER_PAYEE, 'invalid_registration'],
    ['at its own address', PAYEE, 'signature_invalid'],
  ])('register another host’s keys %s, though their quote is fresh', async (_, payee, code) => {
    const challenge = await newChallenge()
    const stolen = await honest.report(challenge)
    const told = await post<{ error: { code: string } }>(
      '/v1/runners/register',
      registration(stolen, challenge, payee),
    )
    expect(told.body.error.code).toBe(code)
  })

  test('use a challenge twice, or one of its own making', async () => {
    const challenge = await newChallenge()
    const renewed = await startTestRunner(world, { challenge })
    await honest.close()
    honest = renewed
    expect(await refusalOf(startTestRunner(world, { challenge }))).toBe('invalid_challenge')
    expect(await refusalOf(startTestRunner(world, { challenge: 'ab'.repeat(32) }))).toBe(
      'invalid_challenge',
    )
  })

  test('take over a machine that serves for another wallet', async () => {
    expect(await refusalOf(startTestRunner(world, { payee: OTHER_PAYEE }))).toBe('hardware_in_use')
  })

  test('become another runner by new keys: the machine keeps its id', async () => {
    const renewed = await startTestRunner(world)
    expect(renewed.id).toBe(honest.id)
    expect(renewed.sessionId).not.toBe(honest.sessionId)
    await honest.close()
    honest = renewed
  })

  test('wash off a denial by registering anew', async () => {
    const banned = await startTestRunner(world, { machine: 1, payee: OTHER_PAYEE })
    await banned.close()
    const admin = { authorization: `Bearer ${ADMIN_KEY}` }
    await post(`/admin/runners/${banned.id}/deny`, {}, admin)
    expect(await refusalOf(startTestRunner(world, { machine: 1 }))).toBe('runner_denied')
    await post(`/admin/runners/${banned.id}/admit`, {}, admin)
  })

  test('repeat a heartbeat', async () => {
    expect((await honest.heartbeat({ sequence: 50 })).status).toBe(200)
    expect((await honest.heartbeat({ sequence: 50 })).status).toBe(409)
    expect((await honest.heartbeat({ sequence: 49 })).status).toBe(409)
  })
})

describe('a caller cannot', () => {
  const chat = { model: MODEL, messages: [{ role: 'user', content: 'hi' }], max_tokens: 5 }

  test('choose the id under which a request is settled (H21)', async () => {
    const account = await world.account(1_000_000n)
    const mine = `req_${'0'.repeat(32)}`
    const headers = {
      authorization: `Bearer ${account.key}`,
      'x-request-id': mine,
      'x-receipt-id': mine,
    }
    const ids = []
    for (let i = 0; i < 2; i++) {
      const asked = { ...chat, provider: { only: [honest.id] } }
      // The same idempotency key would be refused the second time: it names no settlement, it only stops repeats.
      const own = { ...headers, 'idempotency-key': `${mine}${i}` }
      const answer = await post('/v1/chat/completions', asked, own)
      expect(answer.status).toBe(200)
      ids.push(answer.headers.get('x-receipt-id'))
    }
    expect(new Set([...ids, mine]).size).toBe(3)
    for (const id of ids) expect(id).toMatch(/^req_[0-9a-f]{32}$/)
  })

  test('read the metrics, or put a word of its own into them (M17)', async () => {
    const account = await world.account(1_000_000n)
    const word = 'label-of-the-caller'
    await post(`/v1/${word}`, {}, { 'user-agent': word })
    await post(
      '/v1/chat/completions',
      { ...chat, model: word },
      { authorization: `Bearer ${account.key}` },
    )
    const url = `${world.gateway.origin}/metrics`
    expect((await fetch(url)).status).toBe(404)
    const told = await fetch(url, { headers: { authorization: `Bearer ${METRICS_TOKEN}` } })
    const text = await told.text()
    expect(text).toContain('cocoon_request_seconds')
    expect(text).not.toContain(word)
    expect(text).not.toContain(account.id)
  })
})

// Last: it takes the image away from everybody.
test('a revocation cuts the session of a runner that serves already (M8)', async () => {
  const { endpoint, registry } = world.config.chain
  const [image = ''] = (await simulationOf(world.tee)).images
  await openDevWallet(endpoint, 'operator').transfer({
    to: Address.parse(registry),
    value: 50_000_000n,
    body: revokeBody('image', fromHex(image)),
  })
  await world.restart()
  const digest = keysetDigest(honest.keyset)
  const found = await fetch(`${world.gateway.origin}/v1/aci/sessions?keyset_digest=${digest}`)
  expect((await found.json()).sessions).toMatchObject([{ cut: 'evidence.image' }])
  const current = await fetch(`${world.gateway.origin}/v1/aci/sessions`)
  expect(await current.text()).not.toContain(honest.sessionId)
  const listed = await fetch(`${world.gateway.origin}/v1/runners`)
  expect(await listed.text()).not.toContain(honest.id)
})
