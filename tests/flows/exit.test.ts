import { execFile } from 'node:child_process'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { hex } from '#base/bytes.ts'
import { nano } from '#base/nano.ts'
import { type AccountOwner, signCancelOrder, signExitOrder } from '#client'
import { DEPOSIT_FEE, OPENING_FEE, webSha256 } from '#contracts'
import { openDevWallet } from '#dev/chain/wallet.ts'
import { awaitBalance, deposit, openAccount } from '#dev/world/fund-account.ts'
import type { World } from '#dev/world/world.ts'
import { parseReservesProof, verifyReservesProof } from '#protocol'
import { newPayer, Payer, until } from '../support/account.ts'
import { auditFindings } from '../support/books.ts'
import {
  newFolder,
  openWorld,
  SCRIPTED,
  SCRIPTED_MODEL,
  WORLD_START_MS,
} from '../support/open-world.ts'

/** Owners take their money out, and check that it is there. */
let world: World
const folder = newFolder()

beforeAll(async () => {
  world = await openWorld({ engine: SCRIPTED }, folder)
}, WORLD_START_MS)
afterAll(() => world?.stop())

interface Owned extends Payer {
  readonly owner: AccountOwner
}

async function newOwned(ton: string): Promise<Owned> {
  const { webUrl, chainUrl, tillAddress } = world.info
  const account = await openAccount({ gateway: webUrl, mode: 'managed' })
  await deposit({ endpoint: chainUrl, till: tillAddress, account, amount: ton })
  await awaitBalance(webUrl, account.apiKey, ({ available }) => available > 0n)
  const payer = new Payer(webUrl, account.apiKey, account.owner.id)
  return Object.assign(payer, { owner: account.owner })
}

const chat = {
  model: SCRIPTED_MODEL,
  max_tokens: 100,
  messages: [{ role: 'user', content: 'c5g0' }],
}
const till = () => world.info.tillAddress

async function exitView(payer: Payer) {
  const response = await payer.get('/v1/account/exit')
  expect(response.status).toBe(200)
  return response.json()
}

async function order(payer: Owned, to: string) {
  const { nonce } = await exitView(payer)
  const { signature } = await signExitOrder(payer.owner, { till: till(), to, nonce })
  return { till: till(), account: payer.id, order: { to, nonce, signature: hex(signature) } }
}

function remove(payer: Payer, body: unknown): Promise<Response> {
  return fetch(`${world.info.webUrl}/v1/account/exit`, {
    method: 'DELETE',
    headers: payer.headers,
    body: JSON.stringify(body),
  })
}

const COCOON = join(import.meta.dirname, '../../cli/cocoon.mjs')

/** The command as a user runs it. */
function cocoon(args: readonly string[], env: Readonly<Record<string, string>>) {
  return new Promise<{ code: number; out: string; err: string }>((resolve) => {
    execFile(process.execPath, [COCOON, ...args], { env }, (error, out, err) => {
      resolve({ code: error === null ? 0 : Number(error.code), out, err })
    })
  })
}

describe('an exit by the owner’s order', () => {
  test('pays everything that is left at once, and the account serves nothing meanwhile', async () => {
    const payer = await newOwned('3')
    const answer = await payer.chat(chat)
    await answer.arrayBuffer()
    const used = (await payer.until('the receipt', ({ held }) => held === 0n)).settled
    const wallet = openDevWallet(world.info.chainUrl, `home of ${payer.id}`)
    const to = wallet.address.toRawString()
    const ordered = await payer.post('/v1/account/exit', await order(payer, to))
    expect(ordered.status).toBe(202)
    const balance = await until(
      'the payout',
      () => wallet.balance(),
      (nanos) => nanos > 0n,
    )
    expect(balance).toBe(3_000_000_000n - DEPOSIT_FEE - OPENING_FEE - used)
    await until(
      'the end',
      () => exitView(payer),
      ({ state }) => state === 'none',
    )
    expect(await payer.until('the mirror', ({ available }) => available === 0n)).toMatchObject({
      settled: used,
    })
    const { data } = await (await payer.get('/v1/account/ledger')).json()
    expect(data.map((entry: { kind: string }) => entry.kind)).toEqual(['withdrawal', 'deposit'])
    const events = (await (await payer.get('/v1/account/deposits')).json()).data
    expect(events.at(-1)).toMatchObject({ kind: 'deposit', account: payer.id, value: '3000000000' })
    expect(events.at(-1).hash).toMatch(/^[0-9a-f]{64}$/)
    expect(await auditFindings(world.info.webUrl, world.info.adminKey)).toEqual([])
  })

  test('an account whose exit is ordered is refused, and opens again when it is called off', async () => {
    const payer = await newOwned('2')
    // A request that stays open keeps the exit from being paid.
    process.kill(world.runner.pid, 'SIGSTOP')
    const open = payer.chat(chat).catch(() => undefined)
    await payer.until('the hold', ({ held }) => held > 0n)
    const to = openDevWallet(world.info.chainUrl, 'elsewhere').address.toRawString()
    expect((await payer.post('/v1/account/exit', await order(payer, to))).status).toBe(202)
    const refused = await payer.chat(chat)
    expect(refused.status).toBe(403)
    expect((await refused.json()).error.code).toBe('account_closed')
    await until(
      'the Till',
      () => exitView(payer),
      ({ state }) => state === 'armed',
    )
    const { nonce } = await exitView(payer)
    const { signature } = await signCancelOrder(payer.owner, { till: till(), nonce })
    const body = { till: till(), account: payer.id, nonce, signature: hex(signature) }
    expect((await remove(payer, { ...body, signature: '00'.repeat(64) })).status).toBe(403)
    expect((await remove(payer, { ...body, nonce: nonce + 1 })).status).toBe(409)
    expect((await remove(payer, body)).status).toBe(202)
    process.kill(world.runner.pid, 'SIGCONT')
    await until(
      'the end',
      () => exitView(payer),
      ({ state }) => state === 'none',
    )
    await open
    await until(
      'an answer',
      async () => (await payer.chat(chat)).status,
      (status) => status === 200,
    )
  })

  test('is the owner’s alone: an API key, another key, another Till or a bad address order nothing', async () => {
    const payer = await newOwned('1')
    const to = openDevWallet(world.info.chainUrl, 'thief').address.toRawString()
    const good = await order(payer, to)
    const send = async (body: unknown) => {
      const response = await payer.post('/v1/account/exit', body)
      return [response.status, (await response.json()).error?.code]
    }
    const thief = await newOwned('1')
    const { signature } = await signExitOrder(thief.owner, { till: till(), to, nonce: 0 })
    expect(await send({ ...good, order: { ...good.order, signature: hex(signature) } })).toEqual([
      403,
      'signature_invalid',
    ])
    const moved = { ...good.order, to: `0:${'ab'.repeat(32)}` }
    expect(await send({ ...good, order: moved })).toEqual([403, 'signature_invalid'])
    expect(await send({ ...good, account: thief.id })).toEqual([403, 'forbidden'])
    expect(await send({ ...good, till: `0:${'ab'.repeat(32)}` })).toEqual([400, 'invalid_request'])
    for (const bad of [`-1:${'ab'.repeat(32)}`, till(), `0:${'0'.repeat(64)}`, 'nowhere']) {
      expect((await send({ ...good, order: { ...good.order, to: bad } }))[0]).toBe(400)
    }
    expect(await send({ ...good, order: { ...good.order, nonce: 7 } })).toEqual([409, 'conflict'])
    // Nothing is armed on chain: there is nothing to give a word on.
    expect(await send({ till: till(), account: payer.id })).toEqual([400, 'invalid_request'])
    expect(await exitView(payer)).toMatchObject({ state: 'none' })
    expect((await payer.chat(chat)).status).toBe(200)
    // Nor does an owner without money, whose order would cost the gateway gas for nothing.
    const poor = await openAccount({ gateway: world.info.webUrl, mode: 'managed' })
    const nobody = new Payer(world.info.webUrl, poor.apiKey, poor.owner.id)
    const empty = await order(Object.assign(nobody, { owner: poor.owner }), to)
    expect((await nobody.post('/v1/account/exit', empty)).status).toBe(400)
  })
})

describe('proof of reserves', () => {
  test('an owner finds its own balance in the sum that everybody is shown, and the Till holds it', async () => {
    const payers = [await newOwned('1'), await newOwned('2'), await newPayer(world)]
    const shown = await until(
      'a snapshot with them',
      async () => (await fetch(`${world.info.webUrl}/v1/till`)).json(),
      ({ reserves }) => reserves.accounts >= payers.length && reserves.covered === true,
    )
    const { reserves, chain } = shown
    expect(BigInt(reserves.sum)).toBe(BigInt(reserves.liabilities.accounts))
    expect(BigInt(chain.owed)).toBeGreaterThanOrEqual(BigInt(reserves.sum))
    for (const payer of payers) {
      const answer = await until(
        'its leaf',
        () => payer.get('/v1/account/reserves'),
        ({ status }) => status === 200,
      )
      const proof = parseReservesProof(await answer.json(), 'proof')
      expect(proof.account).toBe(payer.id)
      expect(await verifyReservesProof(proof, webSha256)).toBe(true)
      expect(
        await verifyReservesProof({ ...proof, balance: nano(proof.balance + 1n) }, webSha256),
      ).toBe(false)
      expect(await verifyReservesProof({ ...proof, sum: nano(proof.sum + 1n) }, webSha256)).toBe(
        false,
      )
    }
  }, 180_000)

  test('an owner checks it by one command that reads the chain itself, and a forged one is noticed', async () => {
    const payer = await newOwned('1')
    await until(
      'its leaf',
      () => payer.get('/v1/account/reserves'),
      ({ status }) => status === 200,
    )
    const { webUrl, chainUrl } = world.info
    const env = { TON_ENDPOINT: chainUrl, TILL_ADDRESS: till(), COCOON_API_KEY: payer.apiKey }
    const check = (gateway: string) => cocoon(['till', 'reserves', '--gateway', gateway], env)
    expect(await check(webUrl)).toMatchObject({
      code: 0,
      out: expect.stringContaining('the balance is part of the sum, and the Till holds it'),
    })
    expect((await check('nowhere')).code).toBe(2)
    // A gateway that shows its owner another sum than everybody.
    const server = createServer(async (request, response) => {
      const answer = await fetch(`${webUrl}${request.url}`, { headers: payer.headers })
      const told = await answer.json()
      if (request.url === '/v1/till') told.reserves.sum = '1'
      response.end(JSON.stringify(told))
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const address = server.address()
    if (address === null || typeof address === 'string') throw new TypeError('no port')
    expect(await check(`http://127.0.0.1:${address.port}`)).toMatchObject({
      code: 1,
      err: expect.stringContaining('another root'),
    })
    server.close()
  }, 180_000)
})
