import { createServer, type Server } from 'node:http'
import { text } from 'node:stream/consumers'
import { Address, toNano } from '@ton/core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openDevWallet } from '#dev/chain/wallet.ts'
import { accountId } from '../db/ids.ts'
import { openChain } from '../money/open-chain.ts'
import { readTill } from '../money/read-till.ts'
import { ADMIN_KEY, startTestWorld, type TestAccount, type TestWorld } from '../testing/world.ts'

/**
 * A deposit on its way, beside a second provider of the chain that lags: it shows an account as it was when somebody last
 * asked, until it is told to catch up.
 */
let world: TestWorld
let witness: Server
let primary = ''
let lags = false
const remembered = new Map<string, string>()

beforeAll(async () => {
  witness = createServer(async (request, response) => {
    const body = await text(request)
    const { method, params } = JSON.parse(body)
    const name = JSON.stringify(params)
    const old = method === 'runGetMethod' && lags ? remembered.get(name) : undefined
    const headers = { 'content-type': 'application/json' }
    const ask = () => fetch(primary, { method: 'POST', headers, body })
    const answer = old ?? (await (await ask()).text())
    remembered.set(name, answer)
    response.writeHead(200, headers).end(answer)
  })
  await new Promise<void>((done) => witness.listen(0, '127.0.0.1', done))
  const address = witness.address()
  const port = typeof address === 'object' ? address?.port : 0
  world = await startTestWorld({
    // The gateway asks both for the Registry before it starts.
    chain: (endpoint) => {
      primary = endpoint
      return { witnesses: [`http://127.0.0.1:${port}/`] }
    },
  })
})
afterAll(async () => {
  witness?.close()
  await world?.close()
})

// biome-ignore lint/suspicious/noExplicitAny: tests read arbitrary members of answers
async function read(path: string, key: string): Promise<any> {
  const headers = { authorization: `Bearer ${key}` }
  return (await fetch(world.gateway.origin + path, { headers })).json()
}

const depositsOf = ({ key }: TestAccount) => read('/v1/account/deposits', key)
const chain = () => read('/admin/chain', ADMIN_KEY)
const patiently = { timeout: 60_000 }

test('a deposit is told to its owner as seen, with what it waits for, and then as credited', async () => {
  const [owner, other] = [await world.account(0n), await world.account(0n)]
  const { endpoint, till } = world.config.chain
  if (till === undefined) throw new Error('a Till')
  const [url = ''] = world.config.chain.witnesses
  const wait = async (): Promise<void> => {}
  const lagging = openChain({ fetch, wait, chance: () => 0 }, url)
  await readTill(lagging, till).account(accountId(owner.id))
  lags = true
  const wallet = openDevWallet(endpoint, 'somebody who waits')
  await wallet.fund('10')
  await wallet.transfer({ to: Address.parse(till), value: toNano('3'), comment: owner.id })

  await expect.poll(async () => (await depositsOf(owner)).waiting.length, patiently).toBe(1)
  const { data, waiting } = await depositsOf(owner)
  expect(data).toEqual([])
  expect(waiting).toMatchObject([{ value: '3000000000', waits_for: 'agreement' }])
  expect(waiting[0].hash).toMatch(/^[0-9a-f]{64}$/)
  expect((await depositsOf(other)).waiting).toEqual([])
  const seen = await chain()
  expect(seen.providers).toMatchObject([
    { host: new URL(endpoint).host, role: 'primary', error: null },
    { host: new URL(url).host, role: 'witness', error: null },
  ])
  expect(seen.providers[0].lag_seconds).toBeLessThan(60)
  expect(seen.agreement.agree).toBe(false)
  expect(seen.watcher.last_error.code).toBe('untrusted')

  lags = false
  await expect.poll(async () => (await depositsOf(owner)).data.length, patiently).toBe(1)
  const credited = await depositsOf(owner)
  expect(credited.waiting).toEqual([])
  expect(credited.data[0].hash).toBe(waiting[0].hash)
  expect((await chain()).agreement.agree).toBe(true)
})

test('a provider that is away is named with its error, by the operator’s key alone', async () => {
  witness.closeAllConnections()
  await new Promise((done) => witness.close(done))
  await expect
    .poll(
      async () => (await chain()).providers.map((one: { error: string }) => one.error),
      patiently,
    )
    .toEqual([null, 'unavailable'])
  expect((await chain()).providers[1]).toMatchObject({ seqno: null, lag_seconds: null })
  for (const path of ['/admin/chain', '/admin/rates']) {
    expect((await fetch(world.gateway.origin + path)).status).toBe(401)
  }
  expect(await read('/admin/rates', ADMIN_KEY)).toEqual({ ticker: 'TON', rate: null, sources: [] })
})
