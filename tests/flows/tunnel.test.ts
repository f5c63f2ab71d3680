import { request as httpRequest, type IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { Runner } from '#enclave-runner/main.ts'
import { MODEL, startTestWorld, type TestWorld } from '#gateway/testing/world.ts'
import { signTunnel, TUNNEL_PATH, TUNNEL_PROTOCOL } from '#protocol'
import { generateSigner } from '#protocol/node'
import { Payer } from '../support/account.ts'
import { readStream, tokensIn } from '../support/read-stream.ts'
import { awaitAvailable, startRealRunner } from '../support/real-runner.ts'
import { startTlsProxy } from '../support/tls-proxy.ts'

/** A runner without an open port, behind a real gateway. */
let world: TestWorld
let payer: Payer
const closers: (() => Promise<unknown>)[] = []

beforeAll(async () => {
  world = await startTestWorld()
  const { id, key } = await world.account(10_000_000n)
  payer = new Payer(world.gateway.origin, key, id)
}, 120_000)
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
  await awaitAvailable(world.gateway.origin, 0)
})
afterAll(() => world?.close())

async function startRunner(
  gateways = [world.gateway.origin],
  change: Parameters<typeof startRealRunner>[2] = {},
): Promise<Runner> {
  const runner = await startRealRunner(world.tee, gateways, change)
  closers.push(() => runner.close(0))
  return runner
}

const ask = (script: string, stream = true, signal?: AbortSignal) =>
  payer.chat({ model: MODEL, stream, messages: [{ role: 'user', content: script }] }, signal)

describe('a runner that dials out', () => {
  test('serves plain and streamed requests, and shows its evidence, without a port of its own', async () => {
    const runner = await startRunner()
    expect(runner.origin).toBeUndefined()
    const [id] = await awaitAvailable(world.gateway.origin, 1)
    const whole = await ask('c5g0', false)
    expect(whole.status).toBe(200)
    expect(await whole.json()).toMatchObject({ usage: { completion_tokens: 5 } })
    const text = await readStream(await ask('c20g0')).rest()
    expect(tokensIn(text)).toBe(20)
    expect(text).toContain('[DONE]')
    const nonce = 'ab'.repeat(32)
    const report = await fetch(
      `${world.gateway.origin}/runners/${id}/v1/aci/attestation?nonce=${nonce}`,
    )
    expect(report.status).toBe(200)
    expect(await report.json()).toMatchObject({ api_version: 'aci/1' })
  })

  test('hears at once that a client left, and its receipt says so', async () => {
    await startRunner()
    await awaitAvailable(world.gateway.origin, 1)
    const leave = new AbortController()
    const response = await ask('c1000g5', true, leave.signal)
    await readStream(response).until((text) => tokensIn(text) > 0)
    leave.abort()
    const id = response.headers.get('x-receipt-id') ?? ''
    await payer.until('the hold is settled', ({ held }) => held === 0n)
    const receipt = await payer.receipt(id)
    expect(JSON.stringify(receipt)).toContain('"stop_reason":"aborted"')
  })

  test('is replaced and found again when the gateway restarts; its receipts arrive', async () => {
    await startRunner()
    await awaitAvailable(world.gateway.origin, 1)
    const { settled } = await payer.read()
    const streamed = readStream(await ask('c100000g2'))
    await streamed.until((text) => tokensIn(text) > 3)
    const cut = streamed.rest().catch(() => 'cut')
    await world.restart()
    await cut
    await awaitAvailable(world.gateway.origin, 1)
    await payer.until('the receipt of the cut answer', (view) => view.settled > settled)
    expect((await ask('c3g0', false)).status).toBe(200)
  })

  test('works through a proxy that ends TLS', async () => {
    const proxy = await startTlsProxy(() => world.gateway.origin)
    closers.push(() => proxy.close())
    await startRunner([proxy.origin])
    await awaitAvailable(world.gateway.origin, 1)
    expect(proxy.upgrades).toBe(1)
    const text = await readStream(await ask('c50g1')).rest()
    expect(tokensIn(text)).toBe(50)
  })

  test('serves several gateways at once, each over a tunnel of its own', async () => {
    const other = await startTestWorldOf(world)
    closers.push(() => other.close())
    const runner = await startRunner([world.gateway.origin, other.gateway.origin])
    for (const { gateway } of [world, other]) await awaitAvailable(gateway.origin, 1)
    expect(runner.leases()).toHaveLength(2)
    const { id, key } = await other.account(10_000_000n)
    const there = new Payer(other.gateway.origin, key, id)
    const body = { model: MODEL, messages: [{ role: 'user', content: 'c4g0' }] }
    for (const who of [payer, there]) expect((await who.chat(body)).status).toBe(200)
  })

  test('that goes away gets nothing new, and comes back', async () => {
    const runner = await startRunner()
    await awaitAvailable(world.gateway.origin, 1)
    await runner.close(0)
    await awaitAvailable(world.gateway.origin, 0)
    const refused = await ask('c3g0', false)
    expect(refused.status).toBe(503)
    await startRunner()
    await awaitAvailable(world.gateway.origin, 1)
    expect((await ask('c3g0', false)).status).toBe(200)
  })
})

/** Another gateway with its own chain and books that trusts the same machines. */
const startTestWorldOf = ({ tee }: TestWorld): Promise<TestWorld> => startTestWorld({}, tee)

interface Upgraded {
  readonly status: number
  readonly answer: IncomingMessage
  readonly socket: Duplex | undefined
}

function upgrade(headers: Record<string, string>): Promise<Upgraded> {
  return new Promise((resolve, reject) => {
    const request = httpRequest(`${world.gateway.origin}${TUNNEL_PATH}`, {
      agent: false,
      headers: { connection: 'Upgrade', upgrade: TUNNEL_PROTOCOL, ...headers },
    })
    request.on('error', reject)
    request.on('response', (answer) =>
      resolve({ status: answer.statusCode ?? 0, answer, socket: undefined }),
    )
    request.on('upgrade', (answer, socket) => resolve({ status: 101, answer, socket }))
    request.end()
  })
}

describe('a stranger at the tunnel’s door (H15)', () => {
  test('is refused before any upgrade without a lease, with another protocol or transport', async () => {
    expect((await upgrade({ 'x-cocoon-runner': 'run_nobody' })).status).toBe(404)
    expect((await upgrade({})).status).toBe(404)
    const websocket = await upgrade({ upgrade: 'websocket', 'x-cocoon-runner': 'run_nobody' })
    expect(websocket.status).toBe(404)
    await startRunner([world.gateway.origin], {
      transport: { kind: 'direct', listen: { host: '127.0.0.1', port: 0 }, url: undefined },
    })
    const [id = ''] = await awaitAvailable(world.gateway.origin, 1)
    expect((await upgrade({ 'x-cocoon-runner': id })).status).toBe(400)
  })

  test.each([
    ['another key', (sign: Sign) => `${JSON.stringify(sign(generateSigner('receipt-1')))}\n`],
    ['nonsense', () => 'GET / HTTP/1.1\n'],
    ['too much before the end of the line', () => 'x'.repeat(100_000)],
    ['nothing but HTTP/2', () => 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
  ])('with %s instead of a proof is cut, and the runner’s own tunnel stays', async (_, line) => {
    await startRunner()
    const [id = ''] = await awaitAvailable(world.gateway.origin, 1)
    const { status, answer, socket } = await upgrade({ 'x-cocoon-runner': id })
    expect(status).toBe(101)
    if (socket === undefined) throw new Error('not upgraded')
    const challenge = String(answer.headers['x-cocoon-challenge'])
    expect(challenge).toMatch(/^[0-9a-f]{64}$/)
    const sign: Sign = (signer) =>
      signTunnel({ gateway: world.gateway.origin, runnerId: id, challenge }, signer)
    const closed = new Promise((resolve) => socket.once('close', resolve))
    socket.on('error', () => {})
    socket.resume()
    socket.write(line(sign))
    await closed
    expect((await ask('c3g0', false)).status).toBe(200)
  })
})

type Sign = (signer: ReturnType<typeof generateSigner>) => ReturnType<typeof signTunnel>
