import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Address, toNano } from '@ton/core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { fromHex, hex } from '#base/bytes.ts'
import { nano } from '#base/nano.ts'
import { ownerFromJson } from '#client'
import {
  type AccountId,
  cellHash,
  chargeBatchCell,
  chargeBodyOf,
  formatMemo,
  signBits,
  TILL_VALUE,
  voucherBits,
  webSha256,
} from '#contracts'
import { type DevChain, startDevChain } from '#dev/chain/start-dev-chain.ts'
import { type DevWallet, openDevWallet } from '#dev/chain/wallet.ts'
import { signerFromSeed } from '#protocol/node'
import { type Desk, openDesk, type Ran } from '../testing/run-command.ts'
import { keys } from './keys.ts'
import { till } from './till.ts'
import { wallet } from './wallet.ts'

/** The whole life of a Till by commands alone, over a real chain. */
const DAY = 86_400
const METER_SEED = '11'.repeat(32)
const meter = signerFromSeed('meter', fromHex(METER_SEED))

let dev: DevChain
let desk: Desk
let host: DevWallet
let address = ''
let account: AccountId

const run = (line: string, env: Readonly<Record<string, string>> = {}): Promise<Ran> =>
  desk.run(till, line, {
    TON_ENDPOINT: dev.endpoint,
    ...(address === '' ? {} : { TILL_ADDRESS: address }),
    ...env,
  })
/** By the admin's wallet. */
const admin = (line: string, env = {}): Promise<Ran> => run(`${line} --wallet admin.txt`, env)
/** By a wallet that is nobody in particular. */
const stranger = (line: string, env = {}): Promise<Ran> => run(`${line} --wallet gas.txt`, env)

async function fundedWallet(file: string): Promise<void> {
  expect((await desk.run(wallet, `new --out ${file}`)).code).toBe(0)
  const shown = await desk.run(wallet, `show --wallet ${file}`, { TON_ENDPOINT: dev.endpoint })
  const to = /address +(\S+)/.exec(shown.out)?.[1] ?? ''
  await dev.chain.faucet({ to: Address.parse(to), value: toNano('20'), bounce: false })
}

beforeAll(async () => {
  dev = await startDevChain()
  desk = openDesk()
  host = openDevWallet(dev.endpoint, 'host')
  await fundedWallet('admin.txt')
  await fundedWallet('gas.txt')
})
afterAll(async () => {
  desk.close()
  await dev.close()
})

describe('a wallet', () => {
  test('is 24 words that only their owner may read, and is never overwritten', async () => {
    const path = join(desk.folder, 'gas.txt')
    expect(statSync(path).mode & 0o077).toBe(0)
    expect(readFileSync(path, 'utf8').trim().split(' ')).toHaveLength(24)
    const again = await desk.run(wallet, 'new --out gas.txt')
    expect(again).toMatchObject({ code: 2, err: expect.stringContaining('there already') })
  })

  test('with a wrong word is refused, and the words are not repeated', async () => {
    writeFileSync(join(desk.folder, 'bad.txt'), `${'zebra '.repeat(24)}\n`, { mode: 0o600 })
    const shown = await desk.run(wallet, 'show --wallet bad.txt', { TON_ENDPOINT: dev.endpoint })
    expect(shown.code).toBe(2)
    expect(shown.err).toContain('neither 24 valid words')
    expect(shown.err).not.toContain('zebra')
  })

  test('has another address on testnet', async () => {
    const at = async (network: string) =>
      (
        await desk.run(wallet, `show --wallet gas.txt --network ${network}`, {
          TON_ENDPOINT: dev.endpoint,
        })
      ).out
    expect((await at('testnet')).split('\n')[0]).not.toBe((await at('mainnet')).split('\n')[0])
  })
})

describe('deploy', () => {
  const line = 'deploy --exit-hours 24 --hold-days 0 --max-fee-bps 1000'

  test('as a dry run says what would be sent, and sends nothing', async () => {
    const dry = await admin(`${line} --dry-run`, { METER_KEY: METER_SEED })
    expect(dry.code).toBe(0)
    expect(dry.out).toContain('would send  3 TON')
    expect(dry.out).toMatch(/link +ton:\/\/transfer\/UQ\S+&init=/)
    expect(dry.out).not.toContain(METER_SEED)
  })

  test('deploys, and finds the same Till the second time', async () => {
    const first = await admin(line, { METER_KEY: METER_SEED })
    expect(first.code).toBe(0)
    const found = /^TILL_ADDRESS=(\S+)$/m.exec(first.out)?.[1] ?? ''
    const second = await admin(line, { METER_KEY: METER_SEED })
    expect(second.out).toContain('nothing to do: the Till is deployed')
    expect(second.out).toContain(`TILL_ADDRESS=${found}`)
    address = found
    const status = await run('status')
    expect(status.code).toBe(0)
    expect(status.out).toContain(hex(meter.publicKey))
    expect(status.out).toMatch(/frozen +no/)
  })

  test('without a wallet, money or sense says what is missing', async () => {
    expect(await run(line, { METER_KEY: METER_SEED })).toMatchObject({
      code: 2,
      err: expect.stringContaining('--wallet FILE is missing (or set WALLET_SECRET'),
    })
    const poor = await run(`${line} --salt ${'22'.repeat(32)}`, {
      METER_KEY: METER_SEED,
      WALLET_SECRET: '33'.repeat(32),
    })
    expect(poor).toMatchObject({ code: 2, err: expect.stringContaining('holds 0 TON and needs') })
    expect((await admin('deploy --daily-cap much', { METER_KEY: METER_SEED })).code).toBe(2)
    expect((await run('constructor')).err).toContain('say one of')
    expect((await run('status --frozen')).code).toBe(2)
    const missing = await run(`status --till 0:${'77'.repeat(32)}`)
    expect(missing).toMatchObject({ code: 2, err: expect.stringContaining('no contract') })
  })

  test('an endpoint that is down is said, with what to do', async () => {
    const gone = await desk.run(till, 'status', {
      TON_ENDPOINT: 'http://127.0.0.1:1',
      TILL_ADDRESS: address,
    })
    expect(gone).toMatchObject({ code: 1, err: expect.stringContaining('another --endpoint') })
  })
})

/** What the gateway had signed before it went away for ever. */
async function gatewayServed(amount: bigint): Promise<void> {
  const user = openDevWallet(dev.endpoint, 'user')
  const batch = chargeBatchCell({
    till: address,
    feeBps: 1_000,
    items: new Map([[account, nano(amount)]]),
  })
  await user.transfer({
    to: Address.parseRaw(address),
    value: TILL_VALUE.charge(1),
    body: chargeBodyOf(batch, await meter.sign(cellHash(batch))),
  })
  const payee = host.address.toRawString()
  const cumulative = nano((amount * 9n) / 10n)
  const bits = voucherBits({ till: address, payee, cumulative })
  const signature = hex(await signBits(bits, (hash) => meter.sign(hash), webSha256))
  const voucher = { till: address, payee, cumulative: cumulative.toString(), signature }
  writeFileSync(join(desk.folder, 'pack.json'), JSON.stringify({ address: payee, voucher }))
}

describe('the gateway gone for ever', () => {
  beforeAll(async () => {
    const made = await desk.run(keys, 'new --out account.json --mode managed')
    expect(made.code).toBe(0)
    const owner = await ownerFromJson(
      JSON.parse(readFileSync(join(desk.folder, 'account.json'), 'utf8')),
    )
    account = owner.id
    const user = openDevWallet(dev.endpoint, 'user')
    await user.fund('50')
    const deposit = { to: Address.parseRaw(address), value: toNano('10') }
    await user.transfer({ ...deposit, comment: formatMemo(account) })
    await gatewayServed(toNano('2'))
  })

  test('a host is paid by its pack and any wallet, once', async () => {
    const first = await stranger('redeem pack.json')
    expect(first).toMatchObject({ code: 0, err: '' })
    expect(await host.balance()).toBe(toNano('1.8'))
    const second = await stranger('redeem pack.json')
    expect(second.out).toContain('nothing to do')
    expect(await host.balance()).toBe(toNano('1.8'))
  })

  test('of an outbox with vouchers of several keys, the highest that the Till honours', async () => {
    const { voucher } = JSON.parse(readFileSync(join(desk.folder, 'pack.json'), 'utf8'))
    const lines = [
      { ...voucher, cumulative: toNano('9').toString(), meterKey: 'of a dropped key' },
      voucher,
      { ...voucher, cumulative: toNano('8').toString(), meterKey: 'of another' },
    ].map((signed) => JSON.stringify({ kind: 'voucher', gateway: 'g', signed }))
    writeFileSync(join(desk.folder, 'outbox'), lines.join('\n'))
    expect(await stranger('redeem outbox')).toMatchObject({
      code: 0,
      out: expect.stringContaining('nothing to do'),
    })
  })

  test('a pack of another Till, of a stranger’s key, or an empty file pays nothing', async () => {
    const { voucher } = JSON.parse(readFileSync(join(desk.folder, 'pack.json'), 'utf8'))
    const write = (change: object) =>
      writeFileSync(
        join(desk.folder, 'wrong.json'),
        JSON.stringify({ settlement: { voucher: { ...voucher, ...change } } }),
      )
    write({ till: `0:${'88'.repeat(32)}` })
    expect((await stranger('redeem wrong.json')).err).toContain('for the Till')
    write({ cumulative: toNano('9').toString() })
    expect((await stranger('redeem wrong.json')).err).toContain('not signed by a meter key')
    writeFileSync(join(desk.folder, 'wrong.json'), '{}')
    expect((await stranger('redeem wrong.json')).err).toContain('holds no voucher')
  })

  test('a developer exits with its recovery file and any wallet, to an address of its choice', async () => {
    const home = openDevWallet(dev.endpoint, 'home').address
    const to = home.toString({ bounceable: false })
    expect((await stranger(`exit --account account.json --to ${to} --dry-run`)).out).toContain(
      'ton://transfer/',
    )
    const ordered = await stranger(`exit --account account.json --to ${to}`)
    expect(ordered).toMatchObject({ code: 0, err: '' })
    expect(await stranger(`exit --account account.json --to ${to}`)).toMatchObject({
      code: 0,
      out: expect.stringContaining('nothing to do'),
    })
    const early = await stranger(`finish-exit ${formatMemo(account)}`)
    expect(early).toMatchObject({ code: 2, err: expect.stringContaining('may be finished from') })
    dev.chain.advance(DAY + 1)
    const finished = await stranger(`finish-exit ${account}`)
    expect(finished).toMatchObject({ code: 0, err: '' })
    // Deposit less the Till's fees and what was charged.
    const balance = await openDevWallet(dev.endpoint, 'home').balance()
    expect(balance).toBe(toNano('10') - toNano('0.07') - toNano('2'))
    expect((await run(`account ${account}`)).out).toMatch(/available +0 TON/)
    expect((await run(`account ${formatMemo(account).toLowerCase()}`)).out).toContain(account)
    expect((await stranger(`finish-exit ${account}`)).out).toContain('no exit is armed')
  })

  test('an exit is called off by the same file', async () => {
    const user = openDevWallet(dev.endpoint, 'user')
    await user.transfer({
      to: Address.parseRaw(address),
      value: toNano('3'),
      comment: formatMemo(account),
    })
    const to = openDevWallet(dev.endpoint, 'home').address.toString()
    expect((await stranger(`exit --account account.json --to ${to}`)).code).toBe(0)
    expect((await stranger('cancel-exit --account account.json')).out).toContain('no exit is armed')
    expect((await run(`account ${account}`)).out).toMatch(/exit +none/)
  })

  test('an exit to the masterchain, a test wallet, a mistyped address or the Till itself is refused', async () => {
    const address48 = openDevWallet(dev.endpoint, 'home').address
    const wrong = [
      `-1:${'ab'.repeat(32)}`,
      address48.toString({ testOnly: true }),
      `${address48.toString().slice(0, -1)}_`,
      address,
    ]
    for (const to of wrong) {
      expect((await stranger(`exit --account account.json --to ${to}`)).code).toBe(2)
    }
  })
})

describe('the operator', () => {
  test('rotates the meter key in sight of all, and activates it when it is due', async () => {
    const next = hex(signerFromSeed('next', fromHex('44'.repeat(32))).publicKey)
    expect((await stranger(`rotate --to ${next}`)).err).toContain('NotAdmin (exit code 110)')
    const announced = await admin(`rotate --to ${next}`)
    expect(announced).toMatchObject({ code: 0, out: expect.stringContaining('announced') })
    expect((await admin(`rotate --to ${next}`)).out).toContain('nothing to do')
    expect((await stranger('activate')).err).toContain('may be activated from')
    expect((await run('status')).out).toContain(next)
    expect((await admin('cancel-rotation')).out).toContain('no rotation is announced')
    expect((await admin(`rotate --to ${next}`)).code).toBe(0)
    dev.chain.advance(4 * DAY + 1)
    expect((await stranger('activate')).out).toContain(`the meter key is ${next}`)
    expect((await admin(`rotate --to ${'0'.repeat(64)}`)).code).toBe(2)
  })

  test('collects fees, gives some back to hosts, and nothing but fees', async () => {
    expect((await admin('return-fees --amount 0.05')).out).toContain('returned')
    expect((await admin('collect-fees --amount 5')).err).toContain('of fees')
    expect((await admin('collect-fees')).out).toContain('collected')
    expect((await admin('collect-fees')).out).toContain('nothing to do: there are no fees')
  })

  test('refunds an orphan with the meter key’s word, and freezes', async () => {
    const user = openDevWallet(dev.endpoint, 'user')
    const orphan = { to: Address.parseRaw(address), value: toNano('1'), bounce: false }
    await user.transfer({ ...orphan, comment: 'no memo' })
    const to = openDevWallet(dev.endpoint, 'lost').address.toString({ bounceable: false })
    const line = `refund-orphan --to ${to} --amount 0.98 --nonce 0`
    expect((await stranger(line)).err).toContain('--meter-secret FILE is missing')
    expect((await stranger(line, { METER_KEY: METER_SEED })).err).toContain('BadSignature')
    const refunded = await stranger(line, { METER_KEY: '44'.repeat(32) })
    expect(refunded).toMatchObject({ code: 0, err: '' })
    expect(await openDevWallet(dev.endpoint, 'lost').balance()).toBe(toNano('0.98'))
    expect((await admin('freeze')).out).toContain('frozen until')
    expect((await admin('freeze')).out).toContain('nothing to do')
    expect((await run('status')).out).toMatch(/frozen +until/)
  })

  test('tops up', async () => {
    expect((await stranger('top-up --amount 1')).out).toContain('the balance is')
  })
})
