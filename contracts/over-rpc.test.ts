import { TonClient } from '@ton/ton'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { unixMs } from '#base/brand.ts'
import { nano } from '#base/nano.ts'
import { type DevChain, startDevChain } from '#dev/chain/start-dev-chain.ts'
import { openDevWallet } from '#dev/chain/wallet.ts'
import { formatMemo } from './account-id.ts'
import { cellHash } from './cells.ts'
import { chargeBatchCell } from './charge-batch.ts'
import { accountIdOf } from './keys-cell.ts'
import { readTillTransaction } from './read-till-transaction.ts'
import { Registry } from './registry.ts'
import { addBody } from './registry-messages.ts'
import { voucherBits } from './signed-cells.ts'
import { sha256, testKey, ton } from './testing/keys.ts'
import { CONFIG, START } from './testing/till-world.ts'
import { Till } from './till.ts'
import { DEPOSIT_FEE, OPENING_FEE, TILL_VALUE } from './till-constants.ts'
import { chargeBodyOf, redeemBody } from './till-messages.ts'

let dev: DevChain
beforeAll(async () => {
  dev = await startDevChain({ clock: () => unixMs(START * 1000) })
})
afterAll(() => dev.close())

describe('the wrappers over an unmodified TonClient', () => {
  test('deploy, deposit from a plain wallet, charge, redeem, and every view', async () => {
    const client = new TonClient({ endpoint: dev.endpoint })
    const wallet = openDevWallet(dev.endpoint, 'gas')
    await wallet.fund('100')
    const meter = testKey('meter')
    const admin = wallet.address.toRawString()
    const config = { ...CONFIG, admin, meterKey: meter.publicKey, holdDays: 0 }
    const till = client.open(Till.createFromConfig(config))
    await till.sendDeploy(wallet.sender, ton('2'))

    const keys = { owner: admin, ownerKey: null, spendKey: null, salt: new Uint8Array(16).fill(1) }
    const account = await accountIdOf(keys, 'managed', sha256)
    const user = openDevWallet(dev.endpoint, 'user')
    await user.fund('20')
    await user.transfer({ to: till.address, value: ton('10'), comment: formatMemo(account) })
    const credit = nano(ton('10') - DEPOSIT_FEE - OPENING_FEE)
    expect(await till.getAccount(account)).toMatchObject({ credit, available: credit, exitAt: 0 })

    const address = till.address.toRawString()
    const items = new Map([[account, ton('3')]])
    const batch = chargeBatchCell({ till: address, feeBps: 1000, items })
    const body = chargeBodyOf(batch, await meter.sign(cellHash(batch)))
    await till.sendBody(wallet.sender, { value: TILL_VALUE.charge(1), body })
    const host = openDevWallet(dev.endpoint, 'host')
    const payee = host.address.toRawString()
    const voucher = { till: address, payee, cumulative: ton('2') }
    const signature = await meter.signBits(voucherBits(voucher))
    await till.sendBody(wallet.sender, {
      value: TILL_VALUE.redeem,
      body: redeemBody(voucher, signature),
    })
    expect(await host.balance()).toBe(ton('2'))
    expect(await till.getPayeePaid(payee)).toBe(ton('2'))
    expect(await till.getTotals()).toMatchObject({ pool: ton('0.7'), fees: ton('0.3') })
    expect(await till.getMeterKey()).toEqual({
      key: meter.publicKey,
      previous: null,
      pending: null,
    })
    const { meterKey, ...fixed } = config
    expect(await till.getConfig()).toEqual(fixed)
    expect(meterKey).toBe(meter.publicKey)
    expect(await till.getStatus()).toEqual({
      frozenUntil: 0,
      accounts: 1,
      payees: 1,
      orphanNonce: 0,
    })
    expect(await till.getExitTo(account)).toBe(null)

    const history = await client.getTransactions(till.address, { limit: 10, archival: true })
    expect(history.map(readTillTransaction).map((event) => event.kind)).toEqual([
      'other',
      'accounts',
      'accounts',
      'other',
    ])
  })

  test('the registry’s list, roles and uri', async () => {
    const client = new TonClient({ endpoint: dev.endpoint })
    const wallet = openDevWallet(dev.endpoint, 'gas')
    await wallet.fund('100')
    const owner = wallet.address.toRawString()
    const registry = client.open(Registry.createFromConfig({ owner, guardian: null, delay: 60 }))
    await registry.sendDeploy(wallet.sender, ton('1'))
    expect((await registry.getSnapshot()).version).toBe(0)
    const [hash, meta] = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)]
    await registry.sendBody(wallet.sender, {
      value: ton('0.05'),
      body: addBody('image', hash, meta),
    })
    const { version, entries } = await registry.getSnapshot()
    expect(version).toBe(1)
    expect(entries.image.get('01'.repeat(32))).toEqual({
      activeFrom: START + 60,
      revokedAt: 0,
      meta: '02'.repeat(32),
    })
    expect((await registry.getEntry('image', hash)).active).toBe(false)
    expect(await registry.getRoles()).toEqual({
      owner,
      guardian: null,
      nextOwner: null,
      nextGuardian: null,
    })
    expect(await registry.getUri()).toBe(null)
  })
})
