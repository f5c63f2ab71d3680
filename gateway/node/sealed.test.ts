import { afterEach, describe, expect, test } from 'vitest'
import { concat, utf8 } from '#base/bytes.ts'
import { nano } from '#base/nano.ts'
import {
  checkReceiptBodies,
  type HeadInput,
  receiptOfFrame,
  requestDigests,
  SEAL_ROOM_BYTES,
  type SealedRequest,
  type SuiteName,
  sealingKeyOf,
  sealRequest,
  Transcript,
} from '#protocol'
import { nodeProvider } from '#protocol/node'
import { answerInOrder, COMPLETION, startStream } from '../testing/runner-answers.ts'
import { MODEL, type TestAccount } from '../testing/world.ts'
import { useGateway } from './testing/key-calls.ts'

const at = useGateway()
let account: TestAccount

const FUNDS = 100_000_000n
const COST = 23n
const PATH = '/v1/chat/completions'
const BODY = utf8(
  JSON.stringify({ model: MODEL, messages: [{ role: 'user', content: 'a secret' }] }),
)

afterEach(() => {
  at.runner.behave(answerInOrder)
  at.runner.refuse(undefined)
})

type Sealed = SealedRequest<'sync'>

function seal(suite: SuiteName, head?: HeadInput, body = BODY): Promise<Sealed> {
  const publicKey = sealingKeyOf(at.runner.keyset, suite)
  if (publicKey === undefined) throw new TypeError('the test runner has both suites')
  return sealRequest(nodeProvider, {
    suite,
    publicKey,
    body,
    ...(head === undefined ? {} : { head }),
  })
}

const headOf = (changes: Partial<HeadInput> = {}): HeadInput => {
  const notAfter = Math.floor(Date.now() / 1000) + 60
  return {
    path: PATH,
    model: MODEL,
    session: at.runner.sessionId,
    maxCost: nano(FUNDS),
    notAfter,
    ...changes,
  }
}

function post(
  sealed: Pick<Sealed, 'headers' | 'body'>,
  options: { origin?: string; headers?: Record<string, string>; key?: string } = {},
): Promise<Response> {
  return fetch((options.origin ?? `${at.world.gateway.origin}/runners/${at.runner.id}`) + PATH, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${options.key ?? account.key}`,
      ...sealed.headers,
      ...options.headers,
    },
    body: sealed.body,
  })
}

async function opened(sealed: Sealed, response: Response) {
  const nonce = response.headers.get('ehbp-response-nonce') ?? ''
  const transcript = new Transcript(nodeProvider.hashes, sealed.commitmentKey)
  const opener = sealed.opener(nonce, transcript)
  const text = concat(...opener.push(new Uint8Array(await response.arrayBuffer())))
  opener.end()
  return { text: new TextDecoder().decode(text), transcript }
}

describe('a body sealed by the client', () => {
  test.each<[string, SuiteName, boolean, string]>([
    ['plain EHBP', 'ehbp-x25519', false, 'sealed'],
    ['cocoon/1', 'ehbp-x25519', true, 'end-to-end'],
    ['cocoon/1 by the hybrid suite', 'ehbp-mlkem768-x25519', true, 'end-to-end'],
  ])('%s is relayed untouched and paid by the runner’s receipt', async (_, suite, ours, label) => {
    account = await at.world.account(FUNDS)
    const sealed = await seal(suite, ours ? headOf() : undefined)
    const response = await post(sealed)
    expect(response.status).toBe(200)
    expect(response.headers.get('x-cocoon-confidentiality')).toBe(label)
    const { text, transcript } = await opened(sealed, response)
    expect(JSON.parse(text)).toMatchObject(COMPLETION)
    const receipt = receiptOfFrame(transcript.receiptFrame ?? new Uint8Array())
    checkReceiptBodies(receipt, {
      request: requestDigests(nodeProvider.hashes, {
        wire: sealed.body,
        plaintext: BODY,
        commitmentKey: sealed.commitmentKey,
      }),
      response: transcript.digests(),
    })
    expect((await account.balance()).held).toBeGreaterThan(0n)
    await at.runner.deliver()
    expect(await account.balance()).toEqual({ available: FUNDS - COST, held: 0n })
  })

  test('also goes to the runner’s own origin, which serves nothing else of the gateway', async () => {
    account = await at.world.account(FUNDS)
    const origin = at.world.gateway.runnerOrigins().get(at.runner.id as never) ?? ''
    const sealed = await seal('ehbp-x25519')
    expect((await post(sealed, { origin })).status).toBe(200)
    for (const path of ['/', '/v1/models', '/health', '/v1/runners']) {
      expect((await fetch(origin + path)).status).toBe(404)
    }
    expect((await fetch(origin + PATH)).status).toBe(405)
  })

  test('may be as long as a plain one: padding and frames are not counted', async () => {
    account = await at.world.account(FUNDS)
    const { maxBodyBytes } = at.world.config
    const text = JSON.stringify({ model: MODEL, messages: [{ role: 'user', content: '' }] })
    const filled = text.replace('""', JSON.stringify('x'.repeat(maxBodyBytes - text.length)))
    const longest = await seal('ehbp-mlkem768-x25519', headOf(), utf8(filled))
    expect(filled).toHaveLength(maxBodyBytes)
    expect(longest.body.length).toBeGreaterThan(maxBodyBytes)
    const response = await post(longest)
    expect(response.status).toBe(200)
    await opened(longest, response)
    const tooLong = { ...longest, body: new Uint8Array(maxBodyBytes + SEAL_ROOM_BYTES + 1) }
    expect((await post(tooLong)).status).toBe(413)
  })

  test('needs a key, and a runner that is known', async () => {
    const sealed = await seal('ehbp-x25519')
    expect((await post(sealed, { key: 'sk-coc-nobody' })).status).toBe(401)
    const origin = `${at.world.gateway.origin}/runners/run_nobody`
    expect((await post(sealed, { origin })).status).toBe(404)
  })
})

describe('the gateway refuses before it charges', () => {
  test.each<[string, () => Promise<Response>, number, string]>([
    ['a body that is not sealed', () => post({ headers: {}, body: BODY }), 400, 'seal_required'],
    [
      'a head for another path',
      async () => post(await seal('ehbp-x25519', headOf({ path: '/v1/embeddings' }))),
      400,
      'seal_invalid',
    ],
    [
      'a head for another model',
      async () => post(await seal('ehbp-x25519', headOf({ model: 'other' }))),
      400,
      'seal_invalid',
    ],
    [
      'x-cocoon-model of another model',
      async () => post(await seal('ehbp-x25519'), { headers: { 'x-cocoon-model': 'other' } }),
      404,
      'model_not_found',
    ],
    [
      'x-cocoon-max-tokens that is no number',
      async () => post(await seal('ehbp-x25519'), { headers: { 'x-cocoon-max-tokens': 'all' } }),
      400,
      'invalid_request',
    ],
    [
      'a maxCost below the prompt’s',
      async () => post(await seal('ehbp-x25519', headOf({ maxCost: nano(1n) }))),
      402,
      'cost_above_maximum',
    ],
    [
      'a session envelope',
      async () => {
        const { headers, body } = await seal('ehbp-x25519', headOf())
        const { 'ehbp-encapsulated-key': enc = '', ...rest } = headers
        return post({
          headers: { ...rest, 'x-cocoon-session': enc, 'x-cocoon-counter': '0' },
          body,
        })
      },
      400,
      'seal_required',
    ],
    [
      'a sealed body at the gateway’s own address, whose sender must not be served in the clear',
      async () => post(await seal('ehbp-x25519'), { origin: at.world.gateway.origin }),
      400,
      'seal_invalid',
    ],
    [
      'an open body with the headers of a sealed one',
      async () =>
        post({ ...(await seal('ehbp-x25519')), body: BODY }, { origin: at.world.gateway.origin }),
      400,
      'seal_invalid',
    ],
    [
      'an encapsulated key of no suite',
      async () => post({ headers: { 'ehbp-encapsulated-key': 'ab' }, body: BODY }),
      400,
      'seal_invalid',
    ],
  ])('%s', async (_, send, status, code) => {
    account = await at.world.account(FUNDS)
    const before = at.runner.seen.length
    const response = await send()
    const { error } = await response.json()
    expect({ status: response.status, code: error.code }).toEqual({ status, code })
    expect(at.runner.seen.length).toBe(before)
    expect(await account.balance()).toEqual({ available: FUNDS, held: 0n })
  })

  test('another protocol version, with what to upgrade', async () => {
    account = await at.world.account(FUNDS)
    const headers = { 'x-cocoon-version': '2' }
    const response = await post(await seal('ehbp-x25519', headOf()), { headers })
    expect(response.status).toBe(426)
    expect(await response.json()).toMatchObject({
      code: 'version_unsupported',
      error: { code: 'version_unsupported', message: expect.stringContaining('upgrade this peer') },
    })
    expect(await account.balance()).toEqual({ available: FUNDS, held: 0n })
  })

  test('a session of before with the problem that makes clients attest again', async () => {
    account = await at.world.account(FUNDS)
    const response = await post(await seal('ehbp-x25519', headOf({ session: '00'.repeat(32) })))
    expect(response.status).toBe(422)
    expect(response.headers.get('content-type')).toBe('application/problem+json')
    expect((await response.json()).type).toBe('urn:ietf:params:ehbp:error:key-config')
  })

  test('an account that cannot pay the most that it may cost', async () => {
    account = await at.world.account(1_000n)
    const sealed = await seal('ehbp-x25519')
    expect((await post(sealed)).status).toBe(402)
    // 64 tokens of answer are worth less than a thousand.
    const headers = { 'x-cocoon-max-tokens': '64' }
    expect((await post(sealed, { headers })).status).toBe(200)
  })

  test('more than the sealed maxCost: the answer is shortened instead', async () => {
    account = await at.world.account(FUNDS)
    const maxCost = nano(1_500n)
    expect((await post(await seal('ehbp-x25519', headOf({ maxCost })))).status).toBe(200)
    const allowance = at.runner.seen.at(-1)
    expect(allowance?.max_cost).toBeLessThanOrEqual(maxCost)
    expect(allowance?.max_completion_tokens).toBeLessThan(1_024)
  })
})

describe('a runner that fails a sealed request', () => {
  test('outside the seal: its refusal passes and the hold is given back', async () => {
    account = await at.world.account(FUNDS)
    at.runner.refuse((response) => {
      response.writeHead(503, { 'content-type': 'application/json', 'retry-after': '7' })
      response.end('{"error":{"code":"busy"}}')
    })
    const response = await post(await seal('ehbp-x25519'))
    expect(response.status).toBe(503)
    expect(response.headers.get('retry-after')).toBe('7')
    expect(await account.balance()).toEqual({ available: FUNDS, held: 0n })
    // It is believed: whoever comes next waits until it has rested.
    at.runner.refuse(undefined)
    const next = post(await seal('ehbp-x25519'))
    await new Promise((rested) => setTimeout(rested, 1_100))
    at.world.elapse(1)
    expect((await next).status).toBe(200)
  })

  test.each<[string, number, Record<string, string>]>([
    ['a web page', 200, { 'content-type': 'text/html' }],
    ['a redirect', 302, { 'content-type': 'application/json', location: 'https://evil.example' }],
    ['a bill of its own', 402, { 'content-type': 'application/json' }],
  ])('%s does not pass', async (_, status, headers) => {
    account = await at.world.account(FUNDS)
    at.runner.refuse((response) => void response.writeHead(status, headers).end('<script>'))
    const response = await post(await seal('ehbp-x25519'))
    expect(response.status).toBe(502)
    expect(await response.text()).not.toContain('script')
    expect(await account.balance()).toEqual({ available: FUNDS, held: 0n })
  })

  test('before the first byte: nothing is charged, though its receipt came first', async () => {
    account = await at.world.account(FUNDS)
    at.runner.behave(async ({ response, receipt }) => {
      receipt()
      await at.runner.deliver()
      response.destroy()
    })
    const response = await post(await seal('ehbp-x25519'))
    expect(response.status).toBe(502)
    expect(await account.balance()).toEqual({ available: FUNDS, held: 0n })
  })

  test('in the middle: the connection breaks, and the hold waits for the receipt', async () => {
    account = await at.world.account(FUNDS)
    at.runner.behave((exchange) => {
      startStream(exchange)
      exchange.receipt({ completion: 2, stop: 'error' })
      exchange.response.write(Buffer.alloc(0), () =>
        setImmediate(() => exchange.response.destroy()),
      )
    })
    const response = await post(await seal('ehbp-x25519'))
    await expect(response.arrayBuffer()).rejects.toThrow()
    expect((await account.balance()).held).toBeGreaterThan(0n)
    await at.runner.deliver()
    expect(await account.balance()).toEqual({ available: FUNDS - 16n, held: 0n })
  })
})

describe('what a runner says in the open', () => {
  test('its quote over the caller’s nonce is relayed without cookies, as data only', async () => {
    const nonce = 'ab'.repeat(32)
    for (const base of [
      `${at.world.gateway.origin}/runners/${at.runner.id}`,
      at.world.gateway.runnerOrigins().get(at.runner.id as never),
    ]) {
      const response = await fetch(`${base}/v1/aci/attestation?nonce=${nonce}`)
      expect(response.status).toBe(200)
      expect(response.headers.get('set-cookie')).toBeNull()
      expect(response.headers.get('x-content-type-options')).toBe('nosniff')
      expect(response.headers.get('content-security-policy')).toBe('sandbox')
      expect((await response.json()).workload_keyset_digest).toBe(
        at.runner.keyset && (await keysetOf()),
      )
    }
  })

  test('a nonce in another form never reaches it', async () => {
    const url = `${at.world.gateway.origin}/runners/${at.runner.id}/v1/aci/attestation?nonce=1`
    expect((await fetch(url)).status).toBe(400)
  })

  test('the gateway’s own root offers no sealing keys', async () => {
    expect((await fetch(`${at.world.gateway.origin}/.well-known/hpke-keys`)).status).toBe(404)
  })

  async function keysetOf(): Promise<string> {
    const response = await fetch(`${at.world.gateway.origin}/v1/runners/${at.runner.id}`)
    return (await response.json()).keyset_digest
  }
})

test('a key that takes sealed requests only refuses plain ones', async () => {
  account = await at.world.account(FUNDS)
  const made = await fetch(`${at.world.gateway.origin}/v1/keys`, {
    method: 'POST',
    headers: { authorization: `Bearer ${account.key}` },
    body: JSON.stringify({ name: 'sealed', sealed_only: true }),
  })
  const { key } = await made.json()
  const plain = await fetch(at.world.gateway.origin + PATH, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}` },
    body: BODY,
  })
  expect(plain.status).toBe(403)
  expect((await plain.json()).error.code).toBe('sealed_only')
  expect((await post(await seal('ehbp-x25519'), { key })).status).toBe(200)
})
