import { Address, beginCell, type Cell, comment, toNano } from '@ton/core'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { signExitOrder } from '#client'
import { DEPOSIT_FEE, exitRequestBody, formatMemo, OPENING_FEE, TILL_VALUE } from '#contracts'
import { devRpc } from '#dev/chain/dev-rpc.ts'
import { openDevWallet } from '#dev/chain/wallet.ts'
import { openAccount } from '#dev/world/fund-account.ts'
import type { World } from '#dev/world/world.ts'
import { newPayer, Payer, until } from '../support/account.ts'
import { auditFindings } from '../support/books.ts'
import { newFolder, openWorld, SCRIPTED, WORLD_START_MS } from '../support/open-world.ts'

/** Deposits that people get wrong: each ends where docs/chain-rules.md says, and the operator sees it. */
let world: World
const folder = newFolder()
const WEEK_SECONDS = 7 * 86_400
const ENCRYPTED_COMMENT = 0x2167da4b

beforeAll(async () => {
  world = await openWorld({ engine: SCRIPTED }, folder)
}, WORLD_START_MS)
afterAll(() => world?.stop())
afterEach(async () => {
  expect(await auditFindings(world.info.webUrl, world.info.adminKey)).toEqual([])
})

interface SeenEvent {
  readonly kind: string
  readonly account: string | null
  readonly value: string
  readonly sender: string
  readonly reason: string | null
  readonly hash: string
}

async function operatorSees(kind: string): Promise<readonly SeenEvent[]> {
  const response = await fetch(`${world.info.webUrl}/admin/events?kind=${kind}`, {
    headers: { authorization: `Bearer ${world.info.adminKey}` },
  })
  expect(response.status).toBe(200)
  return (await response.json()).data
}

/** As an exchange sends: it cannot take anything back. */
async function sendFromExchange(value: string, body: Cell): Promise<string> {
  const exchange = openDevWallet(world.info.chainUrl, 'an exchange')
  await exchange.fund('100')
  const to = Address.parseRaw(world.info.tillAddress)
  await exchange.transfer({ to, value: toNano(value), body, bounce: false })
  return exchange.address.toRawString()
}

/** Waits until the operator sees money of that value from there. */
const seen = (kind: string, value: string, sender: string): Promise<SeenEvent> =>
  until(
    `${kind} of ${value}`,
    async () =>
      (await operatorSees(kind)).find(
        (event) => event.value === toNano(value).toString() && event.sender === sender,
      ),
    (event) => event !== undefined,
  ).then((event) => {
    if (event === undefined) throw new Error('unseen')
    return event
  })

describe('a deposit', () => {
  test('an unknown memo is nobody’s, and the operator sees it', async () => {
    const payer = await newPayer(world, '1')
    const { credited } = await payer.read()
    const sender = await sendFromExchange('1.11', comment('thanks for the fish'))
    const event = await seen('orphan', '1.11', sender)
    expect(event).toMatchObject({ account: null, reason: 'no valid memo' })
    expect(event.hash).toMatch(/^[0-9a-f]{64}$/)
    // One wrong character is another memo, and no account is guessed.
    const wrong = `${payer.id.slice(0, -1)}${payer.id.endsWith('0') ? '1' : '0'}`
    await seen('orphan', '1.12', await sendFromExchange('1.12', comment(wrong)))
    expect((await payer.read()).credited).toBe(credited)
  })

  test('a memo with spaces, dashes and small letters is the same memo', async () => {
    const payer = await newPayer(world)
    const grouped = payer.id.replace(/.{4}/g, '$&-').slice(0, -1)
    for (const text of [grouped, ` ${grouped.replaceAll('-', ' ').toLowerCase()} `]) {
      await sendFromExchange('1', comment(text))
    }
    const expected = 2n * (toNano('1') - DEPOSIT_FEE) - OPENING_FEE
    await payer.until('both', ({ credited }) => credited === expected)
  })

  test('an encrypted comment is nobody’s, and the operator sees it', async () => {
    const body = beginCell().storeUint(ENCRYPTED_COMMENT, 32).storeUint(7n, 256).endCell()
    const sender = await sendFromExchange('1.13', body)
    expect(await seen('orphan', '1.13', sender)).toMatchObject({ account: null })
  })

  test('dust is nobody’s, and the operator sees whose memo it had', async () => {
    const payer = await newPayer(world)
    const sender = await sendFromExchange('0.06', comment(payer.id))
    const event = await seen('orphan', '0.06', sender)
    expect(event).toMatchObject({ account: payer.id, reason: 'below the minimum' })
    expect((await payer.read()).credited).toBe(0n)
    // Its owner sees it too.
    const { data } = await (await payer.get('/v1/account/deposits')).json()
    expect(data).toMatchObject([{ kind: 'orphan', reason: 'below the minimum' }])
  })

  test('to an account that is closing is credited, shown, and leaves with the exit', async () => {
    const { webUrl, chainUrl, tillAddress } = world.info
    const { owner, apiKey } = await openAccount({ gateway: webUrl, mode: 'managed' })
    const payer = new Payer(webUrl, apiKey, owner.id)
    await sendFromExchange('1', comment(formatMemo(owner.id)))
    await payer.until('the first', ({ credited }) => credited > 0n)
    const home = openDevWallet(chainUrl, `home of ${owner.id}`)
    const to = home.address.toRawString()
    const { order, signature } = await signExitOrder(owner, { till: tillAddress, to, nonce: 0 })
    const wallet = openDevWallet(chainUrl, 'any wallet')
    await wallet.fund('5')
    const body = exitRequestBody(order, owner.keys, signature)
    await wallet.transfer({
      to: Address.parseRaw(tillAddress),
      value: TILL_VALUE.exitRequest,
      body,
    })
    await until(
      'the exit',
      async () => (await payer.get('/v1/account')).json(),
      ({ exit_at }) => exit_at !== null,
    )
    await sendFromExchange('2', comment(payer.id))
    const expected = toNano('3') - 2n * DEPOSIT_FEE - OPENING_FEE
    await payer.until('the second', ({ credited }) => credited === expected)
    // Without an order of its own at the gateway nothing is paid before the delay; the gateway’s word ends it.
    const asked = await payer.post('/v1/account/exit', { till: tillAddress, account: owner.id })
    expect(asked.status).toBe(202)
    expect(
      await until(
        'home',
        () => home.balance(),
        (nanos) => nanos > 0n,
      ),
    ).toBe(expected)
  })

  test('while the gateway was down for a week is credited when it is back', async () => {
    const payer = await newPayer(world)
    await world.gateway.kill()
    await sendFromExchange('1', comment(payer.id))
    await devRpc(world.info.chainUrl, fetch).advance(WEEK_SECONDS)
    await sendFromExchange('2', comment(payer.id))
    await world.restartGateway()
    const expected = toNano('3') - 2n * DEPOSIT_FEE - OPENING_FEE
    await payer.until('both', ({ credited }) => credited === expected)
  }, 120_000)

  test('the operator’s view says what it can list, and is nobody else’s', async () => {
    const { webUrl, adminKey } = world.info
    const ask = (path: string, key: string) =>
      fetch(`${webUrl}${path}`, { headers: { authorization: `Bearer ${key}` } })
    expect((await ask('/admin/events?kind=gifts', adminKey)).status).toBe(400)
    expect((await ask('/admin/events?before=x', adminKey)).status).toBe(400)
    for (const path of ['/admin/events', '/admin/cashier']) {
      expect((await ask(path, 'somebody else')).status).toBe(401)
    }
    const shown = await until(
      'a round',
      async () => (await ask('/admin/cashier', adminKey)).json(),
      ({ gas_wallet }) => gas_wallet !== null,
    )
    expect(shown.gas_wallet).toMatchObject({ low: false })
    expect(shown.last_round.sent).toMatch(/^(nothing|sent|busy)$/)
    expect(shown.liabilities.losses).toBe('0')
  })
})
