import { channel } from 'node:diagnostics_channel'
import { once } from 'node:events'
import { Agent, type IncomingMessage, request as rawRequest } from 'node:http'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { unixMs } from '#base/brand.ts'
import { utf8 } from '#base/bytes.ts'
import { nano } from '#base/nano.ts'
import { accountIdOf } from '#contracts/pure'
import {
  accountStatement,
  jsonFrameBeforeReceipt,
  jsonReceiptFrame,
  sealingKeyOf,
  sealRequest,
  signHeartbeat,
  TUNNEL_PATH,
  TUNNEL_PROTOCOL,
} from '#protocol'
import { generateSigner, nodeProvider } from '#protocol/node'
import { accountId, tonAddress } from '../db/ids.ts'
import { endStream, startStream } from '../testing/runner-answers.ts'
import { startTestRunner, type TestRunner } from '../testing/test-runner.ts'
import {
  ADMIN_KEY,
  hexOf,
  MODEL,
  randomBytes,
  startTestWorld,
  type TestAccount,
  type TestWorld,
} from '../testing/world.ts'

/** What single routes refuse; the recorder of `tests/support/openapi` holds each answer to the description. */
let world: TestWorld
let runner: TestRunner
let account: TestAccount
let inferenceKey: string

beforeAll(async () => {
  world = await startTestWorld()
  runner = await startTestRunner(world)
  account = await world.account(1_000_000_000n)
  inferenceKey = await keyWith({})
})
afterAll(async () => {
  await runner?.close()
  await world?.close()
})

interface Sent {
  readonly key?: string
  readonly body?: unknown
  readonly origin?: string
}

function call(method: string, path: string, sent: Sent = {}): Promise<Response> {
  const { key, body, origin = world.gateway.origin } = sent
  return fetch(origin + path, {
    method,
    headers: key === undefined ? {} : { authorization: `Bearer ${key}` },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
}

async function keyWith(wishes: object): Promise<string> {
  const response = await call('POST', '/v1/keys', { key: account.key, body: wishes })
  return (await response.json()).key
}

async function refusal(response: Promise<Response>): Promise<[status: number, code: unknown]> {
  const { status, ...answer } = await response.then(async (answered) => ({
    status: answered.status,
    ...(await answered.json()),
  }))
  return [status, answer.error.code]
}

const CHAT = { model: MODEL, messages: [{ role: 'user', content: 'hi' }], max_tokens: 5 }

test('what the hot path refuses has its length, and the connection serves the next request', async () => {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  const ask = async (path: string, key: string) => {
    const request = rawRequest(world.gateway.origin + path, {
      agent,
      method: 'POST',
      headers: { authorization: `Bearer ${key}` },
    })
    request.end(JSON.stringify(CHAT))
    const [answer] = (await once(request, 'response')) as [IncomingMessage]
    const body = await text(answer)
    expect(answer.headers['transfer-encoding']).toBeUndefined()
    expect(answer.headers['content-length']).toBe(String(Buffer.byteLength(body)))
    return { status: answer.statusCode, reused: request.reusedSocket }
  }
  const chat = '/v1/chat/completions'
  expect(await ask(chat, 'none')).toEqual({ status: 401, reused: false })
  expect(await ask(chat, 'none')).toEqual({ status: 401, reused: true })
  expect(await ask('/v1/messages', 'none')).toEqual({ status: 401, reused: true })
  expect(await ask(`/runners/run_none${chat}`, 'none')).toEqual({ status: 404, reused: true })
  expect(await ask(chat, account.key)).toEqual({ status: 200, reused: true })
  agent.destroy()
})

describe('an account', () => {
  test.each(['deposits', 'ledger'])('%s: a page that is none is a 400', async (list) => {
    const asked = call('GET', `/v1/account/${list}?before=none`, { key: account.key })
    expect(await refusal(asked)).toEqual([400, 'invalid_request'])
  })

  test.each(['GET', 'DELETE'])(
    '%s of its webhook: not with a key for inference',
    async (method) => {
      const asked = call(method, '/v1/account/webhook', { key: inferenceKey })
      expect(await refusal(asked)).toEqual([403, 'admin_key_required'])
    },
  )

  test('is not opened by a signature that is not its owner’s', async () => {
    const owner_key = hexOf(generateSigner('owner').publicKey)
    const body = {
      keys: { owner_key, salt: hexOf(randomBytes(16)) },
      mode: 'managed',
      issued_at: Math.floor(Date.now() / 1000),
      nonce: hexOf(randomBytes(16)),
      signature: '00'.repeat(64),
    }
    const opened = call('POST', '/v1/accounts', { body })
    expect(await refusal(opened)).toEqual([403, 'signature_invalid'])
  })

  test('is not in a proof of reserves made before it was there', async () => {
    const path = '/v1/account/reserves'
    const newcomer = async (): Promise<unknown> => {
      expect((await call('GET', path, { key: account.key })).status).toBe(200)
      const { key } = await world.account(1n)
      const response = await call('GET', path, { key })
      // A proof lives ten seconds: on a slow machine the next one may be made meanwhile.
      return response.status === 200 ? newcomer() : (await response.json()).error.code
    }
    expect(await newcomer()).toBe('account_not_found')
  })

  test('of a wallet alone is opened once', async () => {
    const body = {
      keys: { owner: `0:${hexOf(randomBytes(32))}`, salt: hexOf(randomBytes(16)) },
      mode: 'managed',
      issued_at: Math.floor(Date.now() / 1000),
      nonce: hexOf(randomBytes(16)),
    }
    expect((await call('POST', '/v1/accounts', { body })).status).toBe(201)
    const again = call('POST', '/v1/accounts', { body })
    expect(await refusal(again)).toEqual([409, 'account_exists'])
  })

  test('gives its owner a further key, who signs for it anew', async () => {
    const owner = generateSigner('owner')
    const sha256 = async (bytes: Uint8Array) => nodeProvider.hashes.sha256(bytes)
    const salt = randomBytes(16)
    const keys = { owner: null, ownerKey: owner.publicKey, spendKey: null, salt }
    const id = await accountIdOf(keys, 'managed', sha256)
    const open = () => {
      const issued_at = Math.floor(Date.now() / 1000)
      const nonce = hexOf(randomBytes(16))
      const said = { gateway: world.gateway.origin, account: id, issued_at, nonce }
      const body = {
        keys: { owner_key: hexOf(owner.publicKey), salt: hexOf(salt) },
        mode: 'managed',
        issued_at,
        nonce,
        signature: hexOf(owner.sign(accountStatement(said))),
      }
      return call('POST', '/v1/accounts', { body })
    }
    const first = await open()
    const second = await open()
    expect([first.status, second.status]).toEqual([201, 200])
    expect((await second.json()).key).not.toBe((await first.json()).key)
  })

  test('has so many keys and no more', async () => {
    const other = await world.account(1n)
    let last: Response
    do last = await call('POST', '/v1/keys', { key: other.key, body: {} })
    while (last.status === 201)
    expect(await refusal(Promise.resolve(last))).toEqual([409, 'conflict'])
  })

  test('rotates no key that it has not', async () => {
    const asked = call('POST', '/v1/keys/none/rotate', { key: account.key, body: {} })
    expect(await refusal(asked)).toEqual([404, 'key_not_found'])
  })

  test('spends no more than its cap of the day', async () => {
    const capped = await world.account(1_000_000n)
    const resets = Math.floor(Date.now() / 1000) + 3_600
    await world.ledger.commit([
      {
        op: 'mirror_account',
        account: accountId(capped.id),
        mode: 'managed',
        credit: nano(1_000_000n),
        debit: nano(0n),
        paidOut: nano(0n),
        exitAt: null,
        // Sound: whole unix seconds, as the brand says.
        cap: { left: nano(1n), daily: nano(1n), resets: resets as never },
        seqno: 1_000_000,
        at: unixMs(Date.now()),
      },
    ])
    const asked = call('POST', '/v1/chat/completions', { key: capped.key, body: CHAT })
    expect(await refusal(asked)).toEqual([402, 'daily_cap'])
  })
})

describe('a runner', () => {
  const beat = {
    sequence: 1,
    in_flight: 0,
    capacity: 8,
  }
  const heartbeat = (id: string) =>
    call('POST', '/v1/runners/heartbeat', {
      body: signHeartbeat(
        {
          ...beat,
          gateway: world.gateway.origin,
          runner_id: id,
          at: Math.floor(Date.now() / 1000),
        },
        generateSigner('receipt-1'),
      ),
    })

  test('lives by no signature of another', async () => {
    expect(await refusal(heartbeat(runner.id))).toEqual([403, 'signature_invalid'])
  })

  test('without a lease has no heartbeat', async () => {
    expect(await refusal(heartbeat(`run_${'0'.repeat(26)}`))).toEqual([404, 'runner_not_found'])
  })

  test('at an address that is not its own alone is refused', async () => {
    const started = startTestRunner(world, { url: 'http://10.0.0.1', machine: 1 })
    await expect(started).rejects.toMatchObject({
      status: 400,
      error: { code: 'transport_refused' },
    })
  })

  test('a key that may not use its model cannot seal to it', async () => {
    const publicKey = sealingKeyOf(runner.keyset, 'ehbp-x25519')
    if (publicKey === undefined) throw new TypeError('the test runner has this suite')
    const body = utf8(JSON.stringify(CHAT))
    const sealed = await sealRequest(nodeProvider, { suite: 'ehbp-x25519', publicKey, body })
    const key = await keyWith({ models: ['another'] })
    const asked = fetch(`${world.gateway.origin}/runners/${runner.id}/v1/chat/completions`, {
      method: 'POST',
      headers: { ...sealed.headers, authorization: `Bearer ${key}` },
      body: sealed.body,
    })
    expect(await refusal(asked)).toEqual([403, 'model_not_allowed'])
  })

  test('that registered a URL opens no tunnel', async () => {
    const { port } = new URL(world.gateway.origin)
    const headers = {
      connection: 'Upgrade',
      upgrade: TUNNEL_PROTOCOL,
      'x-cocoon-runner': runner.id,
    }
    const asked = rawRequest({ port, host: '127.0.0.1', path: TUNNEL_PATH, headers }).end()
    const [response] = await once(asked, 'response')
    let body = ''
    for await (const part of response) body += part
    expect(response.statusCode).toBe(400)
    expect(JSON.parse(body).error.code).toBe('transport_refused')
    const told = Object.entries(response.headers).map(([name, value]) => `${name}: ${value}`)
    const answer = ['HTTP/1.1 400 Refused', ...told, '', body].join('\r\n')
    channel('cocoon:tests:raw-answer').publish({ request: `GET ${TUNNEL_PATH}`, answer })
  })

  test('a tunnel is an upgrade: what asks for none is no runner', async () => {
    expect(await refusal(call('GET', TUNNEL_PATH))).toEqual([404, 'runner_not_found'])
  })
})

describe('what a runner refuses inside the seal comes as it said it', () => {
  test.each([
    [400, 'context_length_exceeded'],
    [400, 'allowance_exceeded'],
    [502, 'engine_unreachable'],
    [502, 'engine_failed'],
    [502, 'engine_no_usage'],
    [504, 'engine_timeout'],
  ])('%i %s', async (status, code) => {
    const alone = await startTestRunner(world, { machine: 0 })
    try {
      alone.behave(({ response, headers, sealer, receipt }) => {
        const type = status === 400 ? 'invalid_request_error' : 'server_error'
        const error = { message: 'as the runner says', type, param: null, code }
        response.writeHead(status, { ...headers, 'content-type': 'application/json' })
        response.write(sealer.seal(jsonFrameBeforeReceipt(utf8(JSON.stringify({ error })))))
        const last = receipt({ prompt: 0, completion: 0, stop: 'error' })
        response.write(sealer.seal(jsonReceiptFrame(last)))
        response.end(sealer.end())
      })
      const asked = call('POST', '/v1/chat/completions', { key: account.key, body: CHAT })
      expect(await refusal(asked)).toEqual([status, code])
    } finally {
      await alone.close()
    }
  })
})

test('a gateway on Node is moved by its file, not over HTTP', async () => {
  for (const path of ['schema', 'export', 'import', 'end']) {
    const method = path === 'schema' ? 'GET' : 'POST'
    const asked = call(method, `/admin/moving/${path}`, { key: ADMIN_KEY })
    expect(await refusal(asked)).toEqual([404, null])
  }
})

describe('a gateway without a Till, an operator’s key and a chain', () => {
  let bare: TestWorld
  beforeAll(async () => {
    bare = await startTestWorld({
      adminKey: undefined,
      chain: {
        ...world.config.chain,
        endpoint: 'http://127.0.0.1:9/',
        till: undefined,
      },
    })
  })
  afterAll(() => bare?.close())

  test.each([
    ['GET', '/v1/till'],
    ['GET', '/v1/account/exit'],
    ['POST', '/v1/account/exit'],
    ['DELETE', '/v1/account/exit'],
    ['GET', '/admin/cashier'],
    ['GET', '/admin/chain'],
    ['GET', '/admin/rates'],
    ['GET', '/admin/events'],
    ['GET', '/admin/audit'],
    ['PUT', '/admin/models/some'],
    ['POST', '/admin/runners/run_1/admit'],
  ])('%s %s is not there', async (method, path) => {
    const { key } = await bare.account(1n)
    const asked = call(method, path, { key, origin: bare.gateway.origin })
    expect(await refusal(asked)).toEqual([404, null])
  })

  test('says that it has not read the Registry', async () => {
    const asked = call('GET', '/v1/registry', { origin: bare.gateway.origin })
    expect(await refusal(asked)).toEqual([503, 'chain_unavailable'])
  })
})

test('an exit that is no order is refused by its size', async () => {
  const { chain } = world.config
  const cashier = await startTestWorld({
    chain: { ...chain, till: tonAddress(String(chain.till)), gasSeed: randomBytes(32) },
  })
  try {
    const { key } = await cashier.account(1n)
    const body = 'x'.repeat(64 * 1024)
    const asked = call('POST', '/v1/account/exit', { key, body, origin: cashier.gateway.origin })
    expect(await refusal(asked)).toEqual([413, 'request_too_large'])
  } finally {
    await cashier.close()
  }
})

test('a gateway that is told to stop says so, ends what it has and takes nothing new', async () => {
  const closing = await startTestWorld()
  const last = await startTestRunner(closing)
  try {
    const { key } = await closing.account(1_000_000n)
    const { origin } = closing.gateway
    const started = Promise.withResolvers<() => void>()
    last.behave((exchange) => {
      startStream(exchange)
      started.resolve(() => endStream(exchange))
    })
    const streaming = call('POST', '/v1/chat/completions', {
      key,
      origin,
      body: { ...CHAT, stream: true },
    })
    const finish = await started.promise
    const closed = closing.gateway.close(60_000)
    const health = await call('GET', '/health', { origin })
    expect(health.status).toBe(503)
    expect(await health.json()).toMatchObject({ status: 'closing' })
    const refused = call('POST', '/v1/chat/completions', { key, origin, body: CHAT })
    expect(await refusal(refused)).toEqual([503, 'shutting_down'])
    finish()
    expect(await (await streaming).text()).toContain('data: [DONE]')
    await closed
  } finally {
    await last.close()
    await closing.close()
  }
})
