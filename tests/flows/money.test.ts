import { createHmac } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { Address, toNano } from '@ton/core'
import { TonClient } from '@ton/ton'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { DEPOSIT_FEE, OPENING_FEE, parseAccountId, Till } from '#contracts'
import { openDevWallet } from '#dev/chain/wallet.ts'
import type { World } from '#dev/world/world.ts'
import { newPayer, readyPayer, until } from '../support/account.ts'
import { auditFindings, readHost } from '../support/books.ts'
import { hostShare } from '../support/host-share.ts'
import {
  newFolder,
  openWorld,
  SCRIPTED,
  SCRIPTED_MODEL,
  WORLD_START_MS,
} from '../support/open-world.ts'
import { usageOf } from '../support/stranger.ts'

/** TON in, tokens out, TON to the host: over a real chain, through wallets that know nothing of us. */
let world: World
const folder = newFolder()

beforeAll(async () => {
  world = await openWorld({ engine: SCRIPTED }, folder)
}, WORLD_START_MS)
afterAll(() => world?.stop())
afterEach(async () => {
  expect(await auditFindings(world.info.webUrl, world.info.adminKey)).toEqual([])
})

const COMMISSION_BPS = 500n
const chat = (script = 'c5g0') => ({
  model: SCRIPTED_MODEL,
  max_tokens: 100,
  messages: [{ role: 'user', content: script }],
})

const till = () =>
  new TonClient({ endpoint: world.info.chainUrl }).open(
    Till.createFromAddress(Address.parseRaw(world.info.tillAddress)),
  )

describe('out of money', () => {
  test('is a 402 with the top-up link, and nothing is relayed', async () => {
    const poor = await newPayer(world)
    // A runner that does not run: whatever was relayed to it could not be answered.
    process.kill(world.runner.pid, 'SIGSTOP')
    try {
      const response = await poor.chat(chat())
      expect(response.status).toBe(402)
      expect(response.headers.get('x-should-retry')).toBe('false')
      expect(response.headers.get('x-receipt-id')).toBeNull()
      const { error } = await response.json()
      expect(error).toMatchObject({ code: 'insufficient_credits', type: 'insufficient_quota' })
      expect(error.top_up_url).toBe(`${world.info.webUrl}/top-up?account=${poor.id}`)
      expect(error.message).toContain(error.top_up_url)
    } finally {
      process.kill(world.runner.pid, 'SIGCONT')
    }
    expect(await poor.read()).toMatchObject({ available: 0n, held: 0n, settled: 0n })
    expect((await (await poor.get('/v1/account/usage')).json()).data).toEqual([])
  })

  test('no request may hold more than there is, however many come at once', async () => {
    const payer = await newPayer(world, '0.1')
    const { available } = await payer.read()
    const answers = await Promise.all(
      Array.from({ length: 40 }, () => payer.chat({ ...chat('c3g200'), max_tokens: 20_000 })),
    )
    const statuses = answers.map(({ status }) => status)
    expect(new Set(statuses)).toEqual(new Set([200, 402]))
    const after = await payer.until('the receipts', ({ held }) => held === 0n)
    expect(after.available + after.settled).toBe(available)
  })
})

describe('a deposit', () => {
  test('from a plain wallet with the memo is usable by itself within seconds', async () => {
    const payer = await newPayer(world)
    const wallet = openDevWallet(world.info.chainUrl, 'an exchange')
    await wallet.fund('20')
    expect((await payer.chat(chat())).status).toBe(402)
    const began = performance.now()
    await wallet.transfer({
      to: Address.parseRaw(world.info.tillAddress),
      value: toNano('3'),
      comment: payer.id,
    })
    await until(
      'the first answer',
      async () => (await payer.chat(chat())).status,
      (status) => status === 200,
    )
    const seconds = (performance.now() - began) / 1000
    process.stdout.write(`deposit to first answer: ${seconds.toFixed(2)} s\n`)
    const { credited } = await payer.read()
    expect(credited).toBe(toNano('3') - DEPOSIT_FEE - OPENING_FEE)
    // The second one opens nothing.
    await wallet.transfer({
      to: Address.parseRaw(world.info.tillAddress),
      value: toNano('2'),
      comment: payer.id,
    })
    await payer.until('the second', (view) => view.credited > credited)
    expect((await payer.read()).credited - credited).toBe(toNano('2') - DEPOSIT_FEE)
  })

  test('without a memo is nobody’s, and changes no balance', async () => {
    const payer = readyPayer(world)
    const before = await payer.read()
    const wallet = openDevWallet(world.info.chainUrl, 'a careless wallet')
    await wallet.fund('20')
    await wallet.transfer({ to: Address.parseRaw(world.info.tillAddress), value: toNano('3') })
    // The next deposit is seen after it: then it has been seen too.
    const witness = await newPayer(world, '1')
    expect((await witness.read()).credited).toBe(toNano('1') - DEPOSIT_FEE - OPENING_FEE)
    expect((await payer.read()).credited).toBe(before.credited)
  })
})

describe('the host', () => {
  test('earns its share: the voucher grows by it, and the chain pays it out', async () => {
    const payer = readyPayer(world)
    const wallet = openDevWallet(world.info.chainUrl, 'host')
    expect(wallet.address.toRawString()).toBe(world.payee)
    const [before, paidBefore, owned] = [
      await readHost(world.info.webUrl, world.payee),
      await till().getPayeePaid(world.payee),
      await wallet.balance(),
    ]
    const settledBefore = (await payer.read()).settled
    const costs: bigint[] = []
    for (let i = 0; i < 5; i++) {
      const response = await payer.chat(chat('c100g-1'))
      await response.arrayBuffer()
      const receipt = await payer.receipt(response.headers.get('x-receipt-id') ?? '')
      costs.push(BigInt(usageOf(receipt).cost))
    }
    const share = costs.reduce((sum, cost) => sum + hostShare(cost, COMMISSION_BPS), 0n)
    const whole = costs.reduce((sum, cost) => sum + cost, 0n)
    // Across objects a share follows its settlement, by an outbox.
    const { earned } = await until(
      'the share',
      () => readHost(world.info.webUrl, world.payee),
      (host) => host.earned - before.earned >= share,
    )
    expect(earned - before.earned).toBe(share)
    expect((await payer.read()).settled - settledBefore).toBe(whole)

    const after = await until(
      'the payout',
      () => readHost(world.info.webUrl, world.payee),
      ({ redeemed }) => redeemed === earned,
    )
    expect(after).toEqual({ earned, collected: earned, vouchered: earned, redeemed: earned })
    // What the chain itself says.
    const paid = await till().getPayeePaid(world.payee)
    expect(paid).toBe(earned)
    expect(paid - paidBefore).toBeGreaterThanOrEqual(share)
    expect((await wallet.balance()) - owned).toBeGreaterThan(0n)
    const account = await till().getAccount(parseAccountId(payer.id))
    expect(account.debit).toBe((await payer.read()).settled)
  })

  test('holds the voucher itself, so that it can redeem without this gateway', async () => {
    const { vouchered } = await readHost(world.info.webUrl, world.payee)
    // A runner's first heartbeat goes out at once.
    await world.restartRunner()
    const journal = join(folder, 'runner-outbox-0')
    const line = await until(
      'the heartbeat that brings it',
      async () => lastVoucher(await readFile(journal, 'utf8')),
      (found) => found?.includes(`"${vouchered}"`) === true,
    )
    expect(line).toContain(world.info.webUrl)
  })
})

function lastVoucher(journal: string): string | undefined {
  return journal.split('\n').findLast((line) => line.includes('"voucher"'))
}

describe('a low balance', () => {
  test('is told to the account’s webhook once, signed', async () => {
    const received: { readonly signed: string; readonly tag: string }[] = []
    const hook = createServer(async (request, response) => {
      let body = ''
      for await (const part of request) body += part
      const header = (name: string) => String(request.headers[`webhook-${name}`])
      const signed = `${header('id')}.${header('timestamp')}.${body}`
      received.push({ signed, tag: header('signature') })
      response.writeHead(204).end()
    })
    await new Promise<void>((resolve) => hook.listen(0, '127.0.0.1', resolve))
    try {
      const address = hook.address()
      if (address === null || typeof address === 'string') throw new TypeError('no port')
      const payer = await newPayer(world)
      const set = await fetch(`${world.info.webUrl}/v1/account/webhook`, {
        method: 'PUT',
        headers: payer.headers,
        body: JSON.stringify({ url: `http://127.0.0.1:${address.port}/low`, threshold: '5000' }),
      })
      const { secret } = await set.json()
      const shown = async () => (await payer.get('/v1/account/webhook')).json()
      await until('the delivery', shown, ({ state }) => state === 'told')
      expect(received).toHaveLength(1)
      const key = Buffer.from(secret.replace('whsec_', ''), 'base64')
      for (const { signed, tag } of received) {
        expect(tag).toBe(`v1,${createHmac('sha256', key).update(signed).digest('base64')}`)
        expect(signed).toContain(payer.id)
      }
    } finally {
      hook.close()
    }
  })
})
