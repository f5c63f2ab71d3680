import { connect } from 'node:net'
import { describe, expect, test } from 'vitest'
import { ADMIN_KEY, COMMISSION_BPS, MODEL } from '../testing/world.ts'
import { call, json, useGateway } from './testing/key-calls.ts'

const at = useGateway()

describe('models', () => {
  test('say price, commission included, and how confidential they are', async () => {
    const { object, data } = await json(call('GET', '/v1/models'))
    expect(object).toBe('list')
    expect(data).toHaveLength(1)
    expect(data[0]).toMatchObject({
      id: MODEL,
      object: 'model',
      owned_by: 'cocoon',
      demonstration: true,
      context_length: 4_096,
      commission_bps: COMMISSION_BPS,
      pricing: {
        input_nano_per_million: '1111112',
        output_nano_per_million: '2222223',
        prompt: '0.000000001111112',
        completion: '0.000000002222223',
      },
      confidentiality: { modes: ['end-to-end', 'sealed', 'gateway'], attestation: ['simulated'] },
    })
  })

  test('are found by id, with and without /v1', async () => {
    for (const path of [`/v1/models/${MODEL}`, `/models/${MODEL}`, `/v1/models/${MODEL}/`]) {
      expect((await json(call('GET', path))).id).toBe(MODEL)
    }
  })

  test.each(['/v1/models/a%2Fb', '/v1/models/a/b', '/v1/models/%zz'])('%s: 404', async (path) => {
    const response = await call('GET', path)
    expect(response.status).toBe(404)
    expect((await response.json()).error.code).toBe('model_not_found')
  })
})

describe('what does not exist says so as OpenAI does', () => {
  test.each([
    ['GET', '/v1/nothing', 404, null],
    ['GET', '/nothing.html', 404, null],
    ['POST', '/v1/files', 501, 'not_implemented'],
    ['GET', '/v1/audio/speech', 501, 'not_implemented'],
    ['GET', '/v1/skills', 501, 'not_implemented'],
    ['POST', '/v1/chatkit/sessions', 501, 'not_implemented'],
    // Nothing is kept, so that there is no such answer.
    ['POST', '/v1/responses/resp_1/cancel', 404, null],
    ['GET', '/v1/chat/completions', 405, 'method_not_allowed'],
    ['DELETE', '/v1/models', 405, 'method_not_allowed'],
    ['PUT', '/v1/keys/x', 405, 'method_not_allowed'],
    ['POST', '/v1/chat/completions%2F', 404, null],
    ['GET', '//admin/audit', 404, null],
  ])('%s %s', async (method, path, status, code) => {
    const response = await call(method, path)
    expect(response.status).toBe(status)
    expect(response.headers.get('content-type')).toContain('application/json')
    expect(response.headers.get('x-should-retry')).toBe('false')
    const { error } = await response.json()
    expect(Object.keys(error).sort()).toEqual(['code', 'message', 'param', 'type'])
    expect(error.code).toBe(code)
  })

  test('every answer has an id, and no stack', async () => {
    const response = await call('GET', '/v1/nothing')
    expect(response.headers.get('x-request-id')).toMatch(/^req_[0-9a-f]{32}$/)
    expect(await response.text()).not.toContain('at ')
  })
})

describe('browsers', () => {
  test.each(['/v1/models', '/v1/chat/completions', '/runners/x/v1/chat/completions'])(
    'may ask %s from any page, with the headers of the SDKs',
    async (path) => {
      const response = await fetch(at.world.gateway.origin + path, {
        method: 'OPTIONS',
        headers: {
          origin: 'https://page.example',
          'access-control-request-method': 'POST',
          'access-control-request-headers': 'authorization,x-stainless-lang',
        },
      })
      expect(response.status).toBe(204)
      expect(response.headers.get('access-control-allow-origin')).toBe('*')
      expect(response.headers.get('access-control-allow-headers')).toBe(
        'authorization,x-stainless-lang',
      )
      expect(response.headers.get('access-control-allow-credentials')).toBeNull()
    },
  )
})

describe('accounts and keys', () => {
  test('a key is shown once, listed masked, renamed, and dead once revoked', async () => {
    const account = await at.world.account(1_000n)
    const made = await json(call('POST', '/v1/keys', { key: account.key, body: { name: 'one' } }))
    expect(made.key).toMatch(/^sk-coc-/)
    const { data } = await json(call('GET', '/v1/keys', { key: account.key }))
    expect(data).toHaveLength(2)
    expect(JSON.stringify(data)).not.toContain(made.key)
    const renamed = await call('PATCH', `/v1/keys/${made.id}`, {
      key: account.key,
      body: { name: 'two' },
    })
    expect((await renamed.json()).name).toBe('two')
    expect((await call('GET', '/v1/account', { key: made.key })).status).toBe(200)
    await call('DELETE', `/v1/keys/${made.id}`, { key: account.key })
    const dead = await call('GET', '/v1/account', { key: made.key })
    expect(dead.status).toBe(401)
    expect(dead.headers.get('www-authenticate')).toBe('Bearer')
  })

  test('of another account are out of reach', async () => {
    const [one, two] = [await at.world.account(1n), await at.world.account(1n)]
    const made = await json(call('POST', '/v1/keys', { key: one.key, body: {} }))
    const response = await call('DELETE', `/v1/keys/${made.id}`, { key: two.key })
    expect(response.status).toBe(404)
  })

  test('usage, credits and a generation show what a request cost', async () => {
    const account = await at.world.account(1_000_000_000n)
    const body = { model: MODEL, messages: [] }
    const answer = await call('POST', '/v1/chat/completions', { key: account.key, body })
    const id = answer.headers.get('x-receipt-id')
    await answer.text()
    const { data } = await json(call('GET', '/v1/account/usage', { key: account.key }))
    expect(data[0]).toMatchObject({ id, model: MODEL, tokens_prompt: 10, cost: '23' })
    const credits = await json(call('GET', '/v1/credits', { key: account.key }))
    expect(credits.data).toEqual({ total_credits: 1, total_usage: 0.000000023 })
    const found = await json(call('GET', `/v1/generation?id=${id}`, { key: account.key }))
    expect(found.data.id).toBe(id)
    // The answer's own id will do, for its account alone.
    const stranger = await at.world.account(1n)
    for (const path of ['/v1/generation?id=chatcmpl-1', '/v1/aci/receipts/chatcmpl-1']) {
      const mine = await json(call('GET', path, { key: account.key }))
      expect(mine.data?.id ?? mine.receipt_id).toBe(id)
      expect((await call('GET', path, { key: stranger.key })).status).toBe(404)
    }
    const { data: own } = await json(call('GET', '/v1/key', { key: account.key }))
    expect(own.label).toMatch(/^sk-coc-…/)
  })

  test('the deposit’s comment is the account’s id', async () => {
    const account = await at.world.account(1n)
    const shown = await json(call('GET', '/v1/account', { key: account.key }))
    const till = at.world.config.chain.till
    expect(shown.deposit).toEqual({ till, comment: account.id })
  })
})

describe('for auditors', () => {
  test('a session’s document hashes to its id and holds the evidence', async () => {
    const listed = await json(call('GET', `/v1/aci/sessions?model=${MODEL}`))
    expect(listed.api_version).toBe('aci/1')
    const [{ evidence, ...entry }] = listed.sessions
    expect(entry).toMatchObject({
      ...{ session_id: at.runner.sessionId, upstream_name: at.runner.id, cut: null },
      channel_binding: [{ keyset_digest: entry.workload_keyset_digest }],
    })
    expect(Object.keys(evidence)).toEqual(['digest'])
    const document = await json(call('GET', `/v1/aci/sessions/${at.runner.sessionId}`))
    const { contentAddress } = await import('#protocol')
    expect(contentAddress(document)).toBe(at.runner.sessionId)
    expect(document.evidence.digest).toBe(evidence.digest)
    expect(document.verdict.status).toBe('simulated')
    const report = JSON.parse(atob(document.evidence.data.split(',')[1]))
    expect(report.attestation.workload_keyset).toEqual(document.workload_keyset)
  })

  test('sessions are listed by what is asked for, past ones by their keyset', async () => {
    const sessions = async (query: string) =>
      (await json(call('GET', `/v1/aci/sessions?${query}`))).sessions
    expect(await sessions('model=another')).toEqual([])
    expect(await sessions('upstream_name=run_another')).toEqual([])
    expect(await sessions(`upstream_name=${at.runner.id}`)).toHaveLength(1)
    expect(await sessions(`keyset_digest=sha256:${'00'.repeat(32)}`)).toEqual([])
    const [{ workload_keyset_digest: digest }] = await sessions('')
    expect(await sessions(`keyset_digest=${digest}`)).toHaveLength(1)
  })

  test('runners, Registry, Till and hosts are public', async () => {
    const runners = await json(call('GET', '/v1/runners'))
    expect(runners.data[0]).toMatchObject({
      id: at.runner.id,
      model: MODEL,
      session_id: at.runner.sessionId,
      available: true,
      attestation: { status: 'simulated', technology: 'sev-snp' },
    })
    const registry = await json(call('GET', '/v1/registry'))
    expect(registry.entries.image).toHaveLength(2)
    expect(registry.source).toBe('as told by gateway')
    expect((await json(call('GET', '/v1/till'))).address).toBe(at.world.config.chain.till)
    const host = await json(call('GET', `/v1/hosts/${runners.data[0].payee}`))
    expect(BigInt(host.earned)).toBeGreaterThan(0n)
    expect(host.runners).toMatchObject([{ id: at.runner.id, model: MODEL }])
    expect((await call('GET', '/v1/hosts/nobody')).status).toBe(400)
  })
})

describe('the operator', () => {
  test('drains and admits a runner, with the admin key only', async () => {
    const path = `/admin/runners/${at.runner.id}/drain`
    expect((await call('POST', path)).status).toBe(401)
    expect((await call('POST', path, { key: 'wrong' })).status).toBe(401)
    expect((await call('POST', path, { key: ADMIN_KEY })).status).toBe(200)
    const account = await at.world.account(1_000_000n)
    const body = { model: MODEL, messages: [] }
    const drained = await call('POST', '/v1/chat/completions', { key: account.key, body })
    expect(drained.status).toBe(503)
    expect(drained.headers.get('retry-after')).toBe('1')
    await call('POST', `/admin/runners/${at.runner.id}/admit`, { key: ADMIN_KEY })
    const admitted = await call('POST', '/v1/chat/completions', { key: account.key, body })
    expect(admitted.status).toBe(200)
  })

  test('sees that the books agree', async () => {
    const report = await json(call('GET', '/admin/audit', { key: ADMIN_KEY }))
    expect(report.broken).toEqual([])
  })

  test('reads metrics from this machine, without anything that a client wrote', async () => {
    const text = await (await call('GET', '/metrics')).text()
    expect(text).toContain('cocoon_request_seconds_count{path="/v1/chat/completions"')
    expect(text).not.toContain(MODEL)
  })

  test('sees health and the description', async () => {
    expect(await json(call('GET', '/health'))).toEqual({ status: 'ok', runners: 1 })
    expect(await (await call('GET', '/openapi.yaml')).text()).toContain('openapi:')
  })
})

describe('the connection', () => {
  test('takes headers up to 64 KiB', async () => {
    const response = await fetch(`${at.world.gateway.origin}/health`, {
      headers: { 'x-long': 'x'.repeat(60_000) },
    })
    expect(response.status).toBe(200)
  })

  test.each([
    ['what is not HTTP', 'hello\r\n\r\n', 400],
    ['a request for no host', 'GET /health HTTP/1.1\r\n\r\n', 400],
    [
      'a URL that is none',
      'GET /v1\\..\\admin HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n',
      400,
    ],
    ['a request for no URL', 'OPTIONS * HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n', 400],
    ['a request for a tunnel', 'CONNECT example.com:443 HTTP/1.1\r\nhost: x\r\n\r\n', 405],
  ])('%s is refused in JSON, and closed', async (_, text, status) => {
    const answer = await talk(text)
    expect(answer).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `))
    expect(JSON.parse(answer.slice(answer.indexOf('\r\n\r\n'))).error).toMatchObject({
      message: expect.any(String),
      type: 'invalid_request_error',
    })
  })

  test.each([
    ['over HTTP/1.0, for no host', 'GET /health HTTP/1.0\r\n\r\n'],
    [
      'that expects what nobody knows',
      'GET /health HTTP/1.1\r\nhost: x\r\nexpect: more\r\nconnection: close\r\n\r\n',
    ],
  ])('a balancer’s check %s is answered', async (_, text) => {
    expect(await talk(text)).toMatch(/^HTTP\/1\.1 200 /)
  })
})

/** Writes `text`, and reads until the gateway closes. */
function talk(text: string): Promise<string> {
  const url = new URL(at.world.gateway.origin)
  return new Promise((resolve, reject) => {
    const socket = connect(Number(url.port), url.hostname)
    socket.setEncoding('utf8')
    let seen = ''
    socket.on('data', (part: string) => {
      seen += part
    })
    socket.on('error', reject)
    socket.on('close', () => resolve(seen))
    socket.write(text)
  })
}

describe('a restart', () => {
  test('keeps leases, allowance keys and the runner’s address: nobody registers anew', async () => {
    const account = await at.world.account(1_000_000n)
    const before = at.world.gateway.runnerOrigins()
    await at.world.restart()
    expect(at.world.gateway.runnerOrigins()).toEqual(before)
    const body = { model: MODEL, messages: [] }
    const response = await call('POST', '/v1/chat/completions', { key: account.key, body })
    expect(response.status).toBe(200)
    expect((await at.runner.heartbeat()).status).toBe(200)
  })

  test('keeps what the operator sells and at which price', async () => {
    const offer = { name: 'Dearer', input: '9000000', output: '9000000' }
    const path = `/admin/models/${MODEL}`
    expect((await call('PUT', path, { body: offer })).status).toBe(401)
    expect((await call('PUT', path, { key: ADMIN_KEY, body: { input: 'x' } })).status).toBe(400)
    expect((await call('PUT', path, { key: ADMIN_KEY, body: offer })).status).toBe(200)
    await at.world.restart()
    const shown = await json(call('GET', `/v1/models/${MODEL}`))
    expect(shown.pricing.input_nano_per_million).toBe('10000000')
    expect((await call('DELETE', path, { key: ADMIN_KEY })).status).toBe(200)
    expect((await call('GET', `/v1/models/${MODEL}`)).status).toBe(404)
    await call('PUT', path, { key: ADMIN_KEY, body: { input: '1000000', output: '2000000' } })
  })
})
