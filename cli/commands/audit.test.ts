import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { AMOUNTS } from '../audit-all.ts'
import { type Desk, openDesk } from '../testing/run-command.ts'
import { audit } from './audit.ts'
import { wallet } from './wallet.ts'

/** A gateway that answers wrongly: what a sound one says is tried by `tests/documents/`. */
const PAGE = {
  ...Object.fromEntries(AMOUNTS.map((name) => [name, '0'])),
  ...{ sent: '0', accounts: 0, broken: [], next: null },
}
const NOBODY = 'http://127.0.0.1:9'

let desk: Desk
let server: Server
let gateway = ''
let answers: Readonly<Record<string, readonly [status: number, body: string]>> = {}

beforeAll(async () => {
  desk = openDesk()
  server = createServer((request, response) => {
    const [path = ''] = (request.url ?? '').split('?')
    const [status, body] = answers[path] ?? [404, '{}']
    response.writeHead(status, { 'content-type': 'application/json' }).end(body)
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  // Sound: it listens on TCP.
  gateway = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
afterEach(() => {
  answers = {}
})
afterAll(() => {
  desk.close()
  server.close()
})

const run = (line: string) =>
  desk.run(audit, `--gateway ${gateway} ${line}`, { ADMIN_KEY: 'operator' })
const sound = (till: readonly [number, string] = [404, '{}']) => ({
  '/admin/audit': [200, JSON.stringify(PAGE)] as const,
  '/v1/till': till,
})

test('a gateway that does not answer is said in one line, by every command that asks one', async () => {
  const told = { code: 1, err: expect.stringContaining('does not answer') }
  const env = { ADMIN_KEY: 'x', WALLET_SECRET: '33'.repeat(32) }
  expect(await desk.run(audit, `--gateway ${NOBODY}`, env)).toMatchObject(told)
  expect(await desk.run(wallet, `prove --gateway ${NOBODY}`, env)).toMatchObject(told)
})

test('a Till that could not be compared is never called sound', async () => {
  for (const status of [500, 502, 503]) {
    answers = sound([status, '{}'])
    const ran = await run(`--endpoint ${NOBODY}`)
    expect(ran).toMatchObject({ code: 1, err: expect.stringContaining('was not compared') })
    expect(ran.out).not.toContain('every invariant holds')
  }
})

test('a Till that the operator names is compared, whatever the gateway says of having none', async () => {
  answers = sound()
  const named = await run(`--endpoint ${NOBODY} --till 0:${'77'.repeat(32)}`)
  expect(named).toMatchObject({ code: 1, err: expect.stringContaining('another --endpoint') })
  expect(await run(`--endpoint ${NOBODY}`)).toMatchObject({
    code: 0,
    out: expect.stringContaining('no Till'),
  })
})

test.each([
  ['a page without its sums', { ...PAGE, available: undefined }],
  ['a page that leads to itself', { ...PAGE, next: '' }],
])('%s is no audit', async (_, page) => {
  answers = { ...sound(), '/admin/audit': [200, JSON.stringify(page)] }
  expect(await run('')).toMatchObject({ code: 1, err: expect.stringContaining('understands') })
})

test('a wallet is proved on the network that the environment names, as it is shown', async () => {
  const env = { WALLET_SECRET: '33'.repeat(32), TON_ENDPOINT: 'testnet' }
  let asked = ''
  server.once('request', (request) => {
    asked = request.url ?? ''
  })
  await desk.run(wallet, `prove --gateway ${gateway}`, env)
  const testnet = asked
  server.once('request', (request) => {
    asked = request.url ?? ''
  })
  await desk.run(wallet, `prove --gateway ${gateway}`, { ...env, TON_ENDPOINT: 'mainnet' })
  expect(testnet).toMatch(/^\/v1\/hosts\/0:/)
  expect(asked).not.toBe(testnet)
  expect(
    await desk.run(wallet, `prove --gateway ${gateway} --network nowhere`, {
      ...env,
      TON_ENDPOINT: '',
    }),
  ).toMatchObject({ code: 2 })
})
