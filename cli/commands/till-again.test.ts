import { Address, toNano } from '@ton/core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { fromHex } from '#base/bytes.ts'
import { type Nano, nano } from '#base/nano.ts'
import {
  type AccountId,
  cellHash,
  chargeBatchCell,
  chargeBodyOf,
  formatMemo,
  MIN_DEPOSIT,
  TILL_VALUE,
} from '#contracts'
import { type DevChain, startDevChain } from '#dev/chain/start-dev-chain.ts'
import { type DevWallet, openDevWallet } from '#dev/chain/wallet.ts'
import { signerFromSeed } from '#protocol/node'
import type { Action } from '../chain/perform.ts'
import { type Desk, openDesk, type Ran } from '../testing/run-command.ts'
import { testIo } from '../testing/test-io.ts'
import { openTill, type TillContext } from '../till/context.ts'
import { returnFees, topUp } from '../till/operate.ts'
import { keys } from './keys.ts'
import { till } from './till.ts'
import { wallet } from './wallet.ts'

/** A command that is run again, or while others use the same contract, moves nothing twice and says nothing that is not so. */
const METER_SEED = '11'.repeat(32)
const meter = signerFromSeed('meter', fromHex(METER_SEED))

let dev: DevChain
let desk: Desk
let user: DevWallet
let address: string
let context: TillContext
let account: AccountId

const env = () => ({ TON_ENDPOINT: dev.endpoint, TILL_ADDRESS: address, METER_KEY: METER_SEED })
const admin = (line: string): Promise<Ran> => desk.run(till, `${line} --wallet admin.txt`, env())

async function fundedWallet(file: string): Promise<void> {
  await desk.run(wallet, `new --out ${file}`)
  const shown = await desk.run(wallet, `show --wallet ${file}`, { TON_ENDPOINT: dev.endpoint })
  const to = /address +(\S+)/.exec(shown.out)?.[1] ?? ''
  await dev.chain.faucet({ to: Address.parse(to), value: toNano('50'), bounce: false })
}

const deposit = (amount: Nano, comment = formatMemo(account)) =>
  user.transfer({ to: Address.parse(address), value: amount, bounce: false, comment })

async function charge(cumulative: Nano): Promise<void> {
  const items = new Map([[account, cumulative]])
  const batch = chargeBatchCell({ till: address, feeBps: 1_000, items })
  const body = chargeBodyOf(batch, await meter.sign(cellHash(batch)))
  await user.transfer({ to: Address.parse(address), value: TILL_VALUE.charge(1), body })
}

/** What the wallet of `perform` does with it. */
const send = ({ value, body }: Action, from: DevWallet = user) =>
  from.transfer({ to: Address.parse(address), value, body })

beforeAll(async () => {
  dev = await startDevChain()
  desk = openDesk()
  address = `0:${'0'.repeat(64)}`
  user = openDevWallet(dev.endpoint, 'user')
  await user.fund('500')
  await fundedWallet('admin.txt')
  const deployed = await admin('deploy --hold-days 0')
  address = /^TILL_ADDRESS=(\S+)$/m.exec(deployed.out)?.[1] ?? ''
  const made = await desk.run(keys, 'new --out account.json --mode managed')
  // Sound: the command says the memo of what it made, in groups.
  account = (/[0-9A-Z]{4}(-[0-9A-Z]{4}){7}/.exec(made.out)?.[0] ?? '').replaceAll(
    '-',
    '',
  ) as AccountId
  await deposit(nano(toNano('10')))
  context = await openTill(testIo({ env: env() }), {})
})
afterAll(async () => {
  desk.close()
  await dev.close()
})

describe('on a busy Till', () => {
  test('money for its storage is not taken for sent because somebody else’s message came', async () => {
    const action = await topUp(context, { amount: '1' })
    await deposit(MIN_DEPOSIT)
    expect(await action.done()).toBeUndefined()
    await send(action)
    await deposit(MIN_DEPOSIT)
    expect(await action.done()).toContain('the balance is')
  })

  test('fees that went to the pool are seen to have gone, though new ones came meanwhile', async () => {
    await charge(nano(toNano('1')))
    const action = await returnFees(context, { amount: '0.05' })
    expect(await action.done()).toBeUndefined()
    await charge(nano(toNano('3')))
    expect(await action.done()).toBeUndefined()
    expect((await admin('return-fees --amount 0.05')).out).toContain('returned')
    expect(await action.done()).toContain('returned')
  })

  test('what the contract refused another time is not told of a message that was lost', async () => {
    const gone = `0:${'88'.repeat(32)}`
    const refused = await admin(`refund-orphan --to ${gone} --amount 0.01 --nonce 0`)
    expect(refused.err).toContain('the Till holds')
    expect((await admin('freeze')).code).toBe(0)
    dev.chain.advance(73 * 3_600)
    await fundedWallet('gas.txt')
    const stranger = (line: string) => desk.run(till, `${line} --wallet gas.txt`, env())
    expect((await stranger('freeze')).err).toContain('NotAdmin')
    dev.faults.dropSends = 1
    const lost = stranger('top-up --amount 0.3')
    while (dev.faults.dropSends > 0) await new Promise((done) => setTimeout(done, 20))
    dev.chain.advance(61)
    expect(await lost).toMatchObject({ code: 1, err: 'the message was lost: run again' })
  })
})

describe('a refund of an orphan', () => {
  test('is made once, however often it is asked for', async () => {
    await deposit(nano(toNano('3')), 'no memo')
    const lost = openDevWallet(dev.endpoint, 'lost')
    const to = lost.address.toString({ bounceable: false })
    const line = `refund-orphan --to ${to} --amount 1`
    expect(await admin(line)).toMatchObject({ code: 2, err: expect.stringContaining('--nonce') })
    expect(await admin(`${line} --nonce 1`)).toMatchObject({ code: 2 })
    expect(await admin(`${line} --nonce 0`)).toMatchObject({ code: 0, err: '' })
    expect(await admin(`${line} --nonce 0`)).toMatchObject({
      code: 0,
      out: expect.stringContaining('nothing to do'),
    })
    expect(await lost.balance()).toBe(toNano('1'))
  })
})

describe('a deployment', () => {
  const line = (salt: string) => `deploy --hold-days 0 --salt ${salt.repeat(32)}`
  const addressOf = async (salt: string) =>
    Address.parse(/Till +(\S+)/.exec((await admin(`${line(salt)} --dry-run`)).out)?.[1] ?? '')

  test('is not kept back by money that came to its address before it', async () => {
    const to = await addressOf('22')
    await dev.chain.faucet({ to, value: toNano('0.1'), bounce: false })
    expect(await admin(line('22'))).toMatchObject({ code: 0, err: '' })
  })

  test('at the address of a Till that the network froze is refused, whatever came there since', async () => {
    expect((await admin(line('33'))).code).toBe(0)
    const to = await addressOf('33')
    const shard = (await dev.chain.sandbox.getContract(to)).account
    if (!shard.account) throw new Error('it has just been deployed')
    const state = { type: 'frozen', stateHash: 1n } as const
    const storage = { ...shard.account.storage, state }
    const frozen = { ...shard, account: { ...shard.account, storage } }
    await dev.chain.sandbox.setShardAccount(to, frozen)
    for (let i = 0; i < 3; i++) await dev.chain.faucet({ to, value: toNano('0.1'), bounce: false })
    expect(await admin(line('33'))).toMatchObject({
      code: 2,
      err: expect.stringContaining('another --salt'),
    })
  })
})

test('a command that waits ends when it is asked to, and says that its message may be on its way', async () => {
  const stop = new AbortController()
  const err: string[] = []
  dev.faults.dropSends = 1
  const running = till.run(
    testIo({
      args: ['top-up', '--amount', '0.2', '--wallet', 'admin.txt'],
      env: env(),
      cwd: desk.folder,
      err: (text) => err.push(text),
      stopped: stop.signal,
    }),
  )
  while (dev.faults.dropSends > 0) await new Promise((done) => setTimeout(done, 20))
  stop.abort()
  expect(await running).toBe(1)
  expect(err.join()).toContain('may still')
})
