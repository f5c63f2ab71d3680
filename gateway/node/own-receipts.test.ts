import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { simulatedQuoter } from '#dev/world/simulated-tee.ts'
import {
  type Keyset,
  keysetDigest,
  parseReceipt,
  parseReport,
  type Receipt,
  receiptEvent,
  receiptKeyOf,
  sealingKeyOf,
  sealRequest,
  verifyDocument,
} from '#protocol'
import { nodeProvider } from '#protocol/node'
import { answerInOrder, answerOverloaded, startStream } from '../testing/runner-answers.ts'
import { startTestRunner, type TestRunner } from '../testing/test-runner.ts'
import { MODEL, startTestWorld, type TestAccount, type TestWorld } from '../testing/world.ts'

/** Receipts of a gateway inside a confidential machine, over what it really got and sent. @see aci/1, section 7 */
let world: TestWorld
let runner: TestRunner
let account: TestAccount

beforeAll(async () => {
  world = await startTestWorld({ tee: true }, undefined, (tee) => simulatedQuoter(tee, 1))
  runner = await startTestRunner(world, { machine: 0 })
  account = await world.account(1_000_000n)
})
afterEach(() => {
  runner.behave(answerInOrder)
  runner.refuse(undefined)
})
afterAll(async () => {
  await runner?.close()
  await world?.close()
})

const BODY = JSON.stringify({ model: MODEL, messages: [{ role: 'user', content: 'hi' }] })
const STREAM = JSON.stringify({ ...JSON.parse(BODY), stream: true })
const PATH = '/v1/chat/completions'

const sha256 = (body: Uint8Array | string): string =>
  `sha256:${Buffer.from(nodeProvider.hashes.sha256(Buffer.from(body))).toString('hex')}`

function post(body: string | Uint8Array<ArrayBuffer>, given: RequestInit & { to?: string } = {}) {
  return fetch(`${given.to ?? world.gateway.origin}${PATH}`, {
    method: 'POST',
    body,
    ...given,
    headers: { authorization: `Bearer ${account.key}`, ...given.headers },
  })
}

const read = (id: string | null, query = '?by=gateway', key = account.key) =>
  fetch(`${world.gateway.origin}/v1/aci/receipts/${id}${query}`, {
    headers: { authorization: `Bearer ${key}` },
  })

async function receiptOf(response: Response): Promise<Receipt> {
  const answer = await read(response.headers.get('x-receipt-id'))
  expect(answer.status).toBe(200)
  return parseReceipt(await answer.json(), 'receipt')
}

/** The keys that this gateway shows evidence for. */
async function keyset(): Promise<Keyset> {
  const url = `${world.gateway.origin}/v1/aci/attestation?nonce=${'ab'.repeat(32)}`
  const report = parseReport(await (await fetch(url)).json(), 'report')
  return report.attestation.workload_keyset
}

async function expectSigned(receipt: Receipt): Promise<void> {
  const keys = await keyset()
  expect(receipt.workload_keyset_digest).toBe(keysetDigest(keys))
  const { signature, ...unsigned } = receipt
  await verifyDocument(unsigned, signature, receiptKeyOf(keys, receipt.key_id), nodeProvider)
}

const eventsOf = (sent: string, forwarded: unknown, returned: string) => [
  { type: 'request.received', body_hash: sent },
  { type: 'request.forwarded', body_hash: forwarded },
  {
    type: 'upstream.verified',
    model_id: MODEL,
    required: true,
    result: 'verified',
    session_id: runner.sessionId,
  },
  { type: 'response.returned', body_hash: returned },
]

describe('an attested gateway signs for', () => {
  test.each([
    ['a whole answer', BODY],
    ['a stream', STREAM],
  ])(
    'a plain request, %s: the bytes of the client, those to the runner, and the answer’s',
    async (_, body) => {
      const response = await post(body)
      const raw = new Uint8Array(await response.arrayBuffer())
      const receipt = await receiptOf(response)
      const said = await read(receipt.receipt_id, '')
      const runners = parseReceipt(await said.json(), 'receipt')
      const wire = receiptEvent(runners, 'request.received')?.body_hash
      expect(receipt).toMatchObject({ endpoint: PATH, model: MODEL, chat_id: null })
      expect(receipt.event_log).toEqual(eventsOf(sha256(body), wire, sha256(raw)))
      expect(wire).not.toBe(sha256(body))
      await expectSigned(receipt)
    },
  )

  test('a sealed request: what came is what went, byte by byte', async () => {
    const sealed = await sealRequest(nodeProvider, {
      suite: 'ehbp-x25519',
      publicKey: sealingKeyOf(runner.keyset, 'ehbp-x25519') ?? new Uint8Array(),
      body: Buffer.from(BODY),
    })
    const to = `${world.gateway.origin}/runners/${runner.id}`
    const response = await post(sealed.body, { to, headers: sealed.headers })
    const raw = new Uint8Array(await response.arrayBuffer())
    const receipt = await receiptOf(response)
    const wire = sha256(sealed.body)
    expect(receipt.event_log).toEqual(eventsOf(wire, wire, sha256(raw)))
    await expectSigned(receipt)
  })

  test('what a client got that left in the middle', async () => {
    const leaving = new AbortController()
    runner.behave(startStream)
    const response = await post(STREAM, { signal: leaving.signal })
    const reader = response.body?.getReader()
    await reader?.read()
    const id = response.headers.get('x-receipt-id')
    expect((await read(id)).status).toBe(404)
    leaving.abort()
    await expect.poll(async () => (await read(id)).status, { timeout: 20_000 }).toBe(200)
  })

  test('the answer’s own id too', async () => {
    const response = await post(BODY)
    const { id } = await response.json()
    const found = await read(id)
    expect(parseReceipt(await found.json(), 'receipt').receipt_id).toBe(
      response.headers.get('x-receipt-id'),
    )
  })
})

describe('its receipt', () => {
  test('with one changed word is nobody’s', async () => {
    const response = await post(BODY)
    await response.text()
    const receipt = await receiptOf(response)
    for (const change of [
      { served_at: receipt.served_at + 1 },
      { model: 'another' },
      { event_log: receipt.event_log.slice(1) },
    ]) {
      await expect(expectSigned({ ...receipt, ...change })).rejects.toMatchObject({
        code: 'signature_invalid',
      })
    }
  })

  test('is shown to the key that asked and to admins of its account, to nobody else', async () => {
    const made = await fetch(`${world.gateway.origin}/v1/keys`, {
      method: 'POST',
      headers: { authorization: `Bearer ${account.key}` },
      body: '{}',
    })
    const { key } = await made.json()
    const asAdmin = await post(BODY)
    const asKey = await post(BODY, { headers: { authorization: `Bearer ${key}` } })
    await Promise.all([asAdmin.text(), asKey.text()])
    const [adminId, keyId] = [asAdmin, asKey].map((r) => r.headers.get('x-receipt-id'))
    const stranger = (await world.account(1n)).key
    const status = async (id: string | null | undefined, by: string) =>
      (await read(id ?? null, '?by=gateway', by)).status
    expect(await status(keyId, key)).toBe(200)
    expect(await status(keyId, account.key)).toBe(200)
    expect(await status(adminId, key)).toBe(404)
    expect(await status(keyId, stranger)).toBe(404)
    expect(await status(keyId, 'sk-coc-nonsense')).toBe(401)
    expect((await read(keyId ?? null, '?by=host')).status).toBe(400)
    expect(await status(`req_${'00'.repeat(16)}`, key)).toBe(404)
  })

  test('is on no disk and in no log: a short prompt’s hash can be guessed', async () => {
    const body = JSON.stringify({ ...JSON.parse(BODY), seed: 4711 })
    const response = await post(body)
    const raw = await response.text()
    await receiptOf(response)
    const kept = readdirSync(dirname(world.config.databasePath), { withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map(({ name }) => readFileSync(join(dirname(world.config.databasePath), name), 'latin1'))
      .concat(world.logged)
      .join('\n')
    expect(kept).toContain(runner.sessionId)
    for (const hash of [sha256(body), sha256(raw)]) {
      const hex = hash.slice('sha256:'.length)
      expect(kept).not.toContain(hex)
      expect(kept).not.toContain(Buffer.from(hex, 'hex').toString('latin1'))
    }
  })
})

describe('of an answer that failed it signs what the client got', () => {
  test('a runner lost in the middle: with the error event', async () => {
    runner.behave((exchange) => {
      startStream(exchange)
      exchange.response.write('', () => exchange.response.destroy())
    })
    const response = await post(STREAM)
    const raw = await response.text()
    expect(raw).toContain('runner_lost')
    const receipt = await receiptOf(response)
    expect(receiptEvent(receipt, 'response.returned')?.body_hash).toBe(sha256(raw))
  })

  test('a runner’s error inside the seal', async () => {
    runner.behave(answerOverloaded)
    const response = await post(BODY)
    expect(response.status).toBe(503)
    const raw = await response.text()
    const receipt = await receiptOf(response)
    expect(receiptEvent(receipt, 'response.returned')?.body_hash).toBe(sha256(raw))
  })
})

test('of several attempts it signs for the one that answered', async () => {
  const other = await startTestRunner(world, { machine: 1, payee: `0:${'33'.repeat(32)}` })
  try {
    // Whichever is asked first fails.
    let first = true
    for (const each of [runner, other]) {
      each.behave((exchange) => {
        if (!first) return answerInOrder(exchange)
        first = false
        exchange.response.destroy()
      })
    }
    const response = await post(BODY)
    await response.text()
    const id = response.headers.get('x-receipt-id') ?? ''
    expect(id).toMatch(/\.2$/)
    const answered = response.headers.get('x-cocoon-runner') === other.id ? other : runner
    const receipt = await receiptOf(response)
    const said = parseReceipt(await (await read(id, '')).json(), 'receipt')
    expect(receipt.receipt_id).toBe(id)
    expect(receiptEvent(receipt, 'upstream.verified')?.session_id).toBe(answered.sessionId)
    expect(receiptEvent(receipt, 'request.forwarded')?.body_hash).toBe(
      receiptEvent(said, 'request.received')?.body_hash,
    )
    expect((await read(id.slice(0, -2))).status).toBe(404)
  } finally {
    await other.close()
  }
})

describe('a gateway that is not attested', () => {
  test.each([
    ['has no such machine', {}, undefined],
    [
      'shows evidence that is not accepted',
      { tee: true },
      (tee: TestWorld['tee']) => ({
        teeType: 'sev-snp' as const,
        quote: async (reportData: Uint8Array<ArrayBuffer>) => ({
          type: 'sev-snp',
          report: Buffer.from(
            await tee.amd.report({ reportData, measurement: new Uint8Array(48).fill(9) }),
          ).toString('base64'),
          vek: Buffer.from(await tee.amd.vek()).toString('base64'),
        }),
      }),
    ],
  ])('since it %s, says so and signs nothing', async (_, changes, machine) => {
    const plain = await startTestWorld(changes, undefined, machine)
    const worker = await startTestRunner(plain)
    try {
      const { key } = await plain.account(1_000_000n)
      const headers = { authorization: `Bearer ${key}` }
      const response = await fetch(plain.gateway.origin + PATH, {
        method: 'POST',
        headers,
        body: BODY,
      })
      expect(response.status).toBe(200)
      const id = response.headers.get('x-receipt-id')
      await response.text()
      const at = `${plain.gateway.origin}/v1/aci/receipts/${id}`
      const own = await fetch(`${at}?by=gateway`, { headers })
      expect(own.status).toBe(409)
      expect((await own.json()).error.code).toBe('gateway_not_attested')
      expect((await fetch(`${at}?by=runner`, { headers })).status).toBe(200)
    } finally {
      await worker.close()
      await plain.close()
    }
  })
})
