import { createServer, type IncomingMessage, type Server } from 'node:http'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { call, codeOf, json, useGateway } from './testing/key-calls.ts'

const at = useGateway()

describe('a webhook', () => {
  let received: { headers: IncomingMessage['headers']; body: string }[]
  let status: number
  let server: Server
  let url: string

  beforeAll(async () => {
    received = []
    status = 500
    server = createServer(async (request, response) => {
      const parts: Buffer[] = []
      for await (const part of request) parts.push(part)
      received.push({ headers: request.headers, body: Buffer.concat(parts).toString() })
      response.writeHead(status).end()
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const address = server.address()
    url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}/hook?x=1`
  })
  afterAll(() => server.close())

  test('is told once of a low balance, signed, with retries and no content', async () => {
    const account = await at.world.account(1_000n)
    const body = { url, threshold: '5000' }
    const set = await json(call('PUT', '/v1/account/webhook', { key: account.key, body }))
    expect(set).toMatchObject({ url, threshold: '5000', state: 'armed' })
    const arrived = async (count: number) => {
      await expect.poll(() => received.length, { timeout: 60_000 }).toBeGreaterThanOrEqual(count)
    }
    await arrived(1)
    status = 204
    await arrived(2)
    const [first, second] = received
    expect(second?.body).toBe(first?.body)
    const told = JSON.parse(first?.body ?? '')
    expect(told).toMatchObject({
      type: 'balance.low',
      data: { account: account.id, available: '1000', threshold: '5000' },
    })
    const secret = Buffer.from(set.secret.replace('whsec_', ''), 'base64')
    const { createHmac } = await import('node:crypto')
    const signed = `${second?.headers['webhook-id']}.${second?.headers['webhook-timestamp']}.${second?.body}`
    expect(second?.headers['webhook-signature']).toBe(
      `v1,${createHmac('sha256', secret).update(signed).digest('base64')}`,
    )
    const shown = () => json(call('GET', '/v1/account/webhook', { key: account.key }))
    await expect.poll(async () => (await shown()).state, { timeout: 20_000 }).toBe('told')
    expect((await shown()).secret).toBeUndefined()
    expect(received).toHaveLength(2)
    const gone = await call('DELETE', '/v1/account/webhook', { key: account.key })
    expect(gone.status).toBe(204)
    expect((await call('GET', '/v1/account/webhook', { key: account.key })).status).toBe(404)
  })

  test.each([
    'http://hook.example/x',
    'https://user@hook.example/x',
    'https://169.254.169.254/latest',
    'https://[::1]/x',
    'https://10.0.0.1/x',
    'ftp://hook.example',
    'nonsense',
  ])('to %s is refused', async (url) => {
    const account = await at.world.account(1n)
    const body = { url, threshold: '5000' }
    const path = '/v1/account/webhook'
    expect(await codeOf(call('PUT', path, { key: account.key, body }))).toEqual([
      400,
      'invalid_request',
    ])
  })
})
