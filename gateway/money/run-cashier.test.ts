import { Address, type Cell, TupleReader } from '@ton/core'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { fromHex } from '#base/bytes.ts'
import { type Nano, nano } from '#base/nano.ts'
import {
  accountKeysFromJson,
  chequeBody,
  exitOrderBits,
  exitRequestBody,
  plainBody,
  rotateKeyBody,
  signBits,
  TILL_VALUE,
  Till,
} from '#contracts'
import { openDevWallet } from '#dev/chain/wallet.ts'
import type { AccountId, TonAddress } from '../db/ids.ts'
import { readVoucher } from './cashier-view.ts'
import type { Chain } from './chain.ts'
import { readTill } from './read-till.ts'
import type { Cashier } from './run-cashier.ts'
import { settlementPack } from './settlement-pack.ts'
import {
  type Books,
  chainAt,
  openBooks,
  openWatcher,
  openWorld,
  rawAddress,
  sha256,
  type TestAccount,
  TILL_CONFIG,
  testAccount,
  testKey,
  tillAccount,
  ton,
  USE_FEE_BPS,
  useOnce,
  type World,
} from './testing/money-world.ts'
import { gasWallet, openCashier } from './testing/open-cashier.ts'
import type { Watcher } from './watch-deposits.ts'

let world: World
let books: Books
let watcher: Watcher
let cashier: Cashier
let alice: AccountId
let host: TonAddress

beforeEach(async () => {
  world = await openWorld()
  books = openBooks()
  host = rawAddress(openDevWallet(world.dev.endpoint, 'host').address)
  alice = (await testAccount('alice')).id
  start()
  await world.deposit(alice, '10')
  await watcher.tick()
  await world.fund(gasWallet(world).address, '5')
})
afterEach(async () => {
  books.close()
  await world.close()
})

function start(): void {
  watcher = openWatcher(world, books)
  cashier = openCashier(world, books)
}

const use = (cost: bigint, account = alice) =>
  useOnce(world, books, { account, host, cost: nano(cost) })

async function hostState() {
  const [read] = await books.ledger.commit([{ op: 'read_host', payee: host }])
  return read.host
}

const paidOnChain = () => readTill(chainAt(world.dev.endpoint), world.till).payeePaid(host)

async function sound(): Promise<void> {
  const [audit] = await books.ledger.commit([{ op: 'audit' }])
  expect(audit.broken).toEqual([])
}

describe('the cashier', () => {
  test('usage is charged, then vouchered, then paid to the host, to the nano', async () => {
    await use(ton('1'))
    expect((await cashier.tick()).commands.map((c) => c.do)).toEqual(['charge'])
    await watcher.tick()
    expect((await tillAccount(world, alice)).debit).toBe(ton('1'))
    expect((await cashier.tick()).commands.map((c) => c.do)).toEqual(['voucher', 'redeem'])
    expect(await paidOnChain()).toBe(ton('0.9'))
    const done = await cashier.tick()
    expect(done).toMatchObject({ commands: [], sent: 'nothing' })
    const share = ton('0.9')
    expect(await hostState()).toEqual({
      payee: host,
      earned: share,
      collected: share,
      vouchered: share,
      redeemed: share,
    })
    await sound()
  })

  test('no voucher before the debit is collected, however much is settled (H1)', async () => {
    await use(ton('1'))
    world.dev.faults.dropSends = 1
    await cashier.tick()
    await watcher.tick()
    await cashier.tick()
    expect(settlementPack(books.store, world.till, host)).toEqual({ charges: [] })
    expect((await hostState()).vouchered).toBe(0n)
  })

  test('a dropped transfer is made again when it can no longer be executed', async () => {
    await use(ton('1'))
    world.dev.faults.dropSends = 1
    expect((await cashier.tick()).sent).toBe('sent')
    expect((await cashier.tick()).commands).toEqual([])
    world.dev.chain.advance(91)
    expect((await cashier.tick()).sent).toBe('sent')
    await watcher.tick()
    expect((await tillAccount(world, alice)).debit).toBe(ton('1'))
  })

  test('a transfer sent twice, or whose answer was lost, charges and pays once', async () => {
    await use(ton('1'))
    world.dev.faults.duplicateSends = 1
    world.dev.faults.loseReplies = 1
    await cashier.tick()
    await watcher.tick()
    world.dev.faults.duplicateSends = 1
    await cashier.tick()
    await cashier.tick()
    expect(await paidOnChain()).toBe(ton('0.9'))
    await sound()
  })

  test('a restart at any point repeats a round and pays nothing twice', async () => {
    await use(ton('1'))
    for (let i = 0; i < 6; i++) {
      await cashier.tick()
      books = books.restart()
      start()
      if (i % 2 === 1) await watcher.tick()
      world.dev.chain.advance(91)
    }
    expect((await tillAccount(world, alice)).debit).toBe(ton('1'))
    expect(await paidOnChain()).toBe(ton('0.9'))
    expect((await hostState()).redeemed).toBe(ton('0.9'))
    await sound()
  })

  test('books of one Till pay and credit nothing at another, where every counter would count again', async () => {
    await use(ton('1'))
    await cashier.tick()
    await watcher.tick()
    const salt = new Uint8Array(32).fill(2)
    const admin = world.user.address.toRawString()
    const next = Till.createFromConfig({ ...TILL_CONFIG, admin, salt })
    if (next.init === undefined) throw new Error('no StateInit')
    const { address: to, init } = next
    await world.user.transfer({ to, value: ton('2'), init, body: plainBody('topUp') })
    await world.user.transfer({ to, value: ton('5'), comment: alice })
    const till = rawAddress(to)
    await expect(openCashier(world, books, { till }).tick()).rejects.toMatchObject({ code: 'fork' })
    await expect(openWatcher({ ...world, till }, books).tick()).rejects.toMatchObject({
      code: 'fork',
    })
  })

  test('an empty gas wallet is said, and nothing is signed for it', async () => {
    cashier = openCashier(world, books, {
      wallet: gasWallet(world, 'poor'),
      sign: () => {
        throw new Error('signed')
      },
    })
    await use(ton('1'))
    expect(await cashier.tick()).toMatchObject({ sent: 'unfunded', balance: 0n })
  })

  test('the host redeems its pack alone, with nothing of the gateway', async () => {
    await use(ton('1'))
    await cashier.tick()
    await watcher.tick()
    const signer = createCashierThatOnlySigns()
    await signer.tick()
    const { voucher } = settlementPack(books.store, world.till, host)
    expect(voucher?.cumulative).toBe(ton('0.9').toString())
    if (voucher === undefined) throw new Error('no voucher')
    await world.redeem(voucher)
    expect(await paidOnChain()).toBe(ton('0.9'))
    await cashier.tick()
    expect((await hostState()).redeemed).toBe(ton('0.9'))
    await sound()
  })

  test('a pending rotation pays hosts at once, so that no voucher dies with its key (H5)', async () => {
    const policy = { minCharge: nano(1n), urgent: ton('1'), minRedeem: ton('50') }
    const patient = () => openCashier(world, books, { policy })
    await useOnce(world, books, { account: alice, host, cost: ton('1') })
    await patient().tick()
    await watcher.tick()
    expect(await patient().tick()).toMatchObject({
      commands: [{ do: 'voucher' }],
      rotationAt: null,
    })
    expect((await patient().tick()).commands).toEqual([])
    const body = rotateKeyBody(testKey('next meter').publicKey, { dropPrevious: true })
    const to = Address.parseRaw(world.till)
    await world.user.transfer({ to, value: TILL_VALUE.operator, body })
    const round = await patient().tick()
    expect(round.commands).toEqual([{ do: 'redeem', payee: host, cumulative: ton('0.9') }])
    expect(round.rotationAt).toBeGreaterThan(0)
    expect(await paidOnChain()).toBe(ton('0.9'))
  })

  test('what an earlier key signed and the Till honours no more is signed anew, for the same sum (H5)', async () => {
    const next = testKey('next meter')
    await use(ton('1'))
    await cashier.tick()
    await watcher.tick()
    const policy = { minCharge: nano(1n), urgent: ton('1'), minRedeem: ton('50') }
    await openCashier(world, books, { policy }).tick()
    const voucher = () => readVoucher(books.store, world.till, host)
    const before = voucher()
    const to = Address.parseRaw(world.till)
    const order = (body: Cell) => world.user.transfer({ to, value: TILL_VALUE.operator, body })
    await order(rotateKeyBody(next.publicKey, { dropPrevious: true }))
    world.dev.chain.advance(5 * 86_400)
    await order(plainBody('activateKey'))
    const later = openCashier(world, books, { sign: next.sign, meterKey: next.publicKey })
    await later.tick()
    expect(voucher()?.cumulative).toBe(before?.cumulative)
    expect(voucher()?.signature).not.toBe(before?.signature)
    await later.tick()
    expect(await paidOnChain()).toBe(ton('0.9'))
    await sound()
  })

  test('what is only worth its gas leaves at a random moment, what is urgent at once (M15)', async () => {
    const slow = openCashier(world, books, { delayMs: 3_600_000, chance: () => 0.5 })
    await use(ton('0.5'))
    expect((await slow.tick()).commands).toEqual([])
    // The chain's clock runs on meanwhile: half an hour less or more two minutes.
    world.dev.chain.advance(1_680)
    expect((await slow.tick()).commands).toEqual([])
    world.dev.chain.advance(240)
    expect((await slow.tick()).commands.map((c) => c.do)).toEqual(['charge'])
    await watcher.tick()
    // The next moment is another one; vouchers cost no gas and show on no chain.
    expect((await slow.tick()).commands.map((c) => c.do)).toEqual(['voucher'])
    await use(ton('2'))
    world.dev.chain.advance(91)
    expect((await slow.tick()).commands.map((c) => c.do)).toEqual(['charge'])
  })

  test('a round with nothing to do asks the chain seldom', async () => {
    const real = chainAt(world.dev.endpoint)
    let asked = 0
    const counting: Chain = {
      ...real,
      head: (...of) => {
        asked++
        return real.head(...of)
      },
      runGet: (...of) => {
        asked++
        return real.runGet(...of)
      },
    }
    const idle = openCashier(world, books, {
      chain: counting,
      wallet: gasWallet(world, 'gas', counting),
    })
    const { balance } = await idle.tick()
    expect(balance).toBe(ton('5'))
    expect(asked).toBe(2)
    expect(await idle.tick()).toMatchObject({ balance, rotationAt: null })
    expect(asked).toBe(2)
    world.dev.chain.advance(20)
    await idle.tick()
    expect(asked).toBe(4)
  })

  test('nothing is paid on an old reading of the gas wallet', async () => {
    const readings = [ton('5'), ton('0')]
    const spent = openCashier(world, books, {
      wallet: { ...gasWallet(world), balance: async () => readings.shift() ?? nano(0n) },
    })
    expect(await spent.tick()).toMatchObject({ balance: ton('5'), sent: 'nothing' })
    await use(ton('1'))
    expect(await spent.tick()).toMatchObject({ balance: 0n, sent: 'unfunded' })
  })

  test('a provider alone that says that a host was paid is not believed (M11)', async () => {
    await use(ton('1'))
    await cashier.tick()
    await watcher.tick()
    world.dev.faults.dropSends = 1
    await cashier.tick()
    const real = chainAt(world.dev.endpoint)
    const liar: Chain = {
      ...real,
      runGet: async (address, method, args) =>
        method === 'payee_paid'
          ? { stack: new TupleReader([{ type: 'int', value: ton('0.9') }]), seqno: null }
          : real.runGet(address, method, args),
    }
    await openCashier(world, books, { chain: liar, witnesses: [real] }).tick()
    expect((await hostState()).redeemed).toBe(0n)
  })

  describe('a sovereign account', () => {
    let bob: TestAccount
    beforeEach(async () => {
      bob = await testAccount('bob', 'sovereign')
      await world.deposit(bob.id, '10')
      await watcher.tick()
      const opened = { account: bob.id, mode: 'sovereign', keys: bob.keysJson } as const
      await books.ledger.commit([{ op: 'open_account', ...opened, at: world.clock() }])
    })

    const policy = { minCharge: ton('2'), urgent: ton('5'), minRedeem: nano(1n) }
    const debit = async () => (await tillAccount(world, bob.id)).debit

    async function giveCheque(cumulative: Nano, feeBps = USE_FEE_BPS) {
      const signature = await bob.signCheque({ till: world.till, feeBps, cumulative })
      const given = { account: bob.id, feeBps, cumulative, signature }
      const [taken] = await books.ledger.commit([
        { op: 'accept_cheque', ...given, at: world.clock() },
      ])
      return taken.ok
    }

    /** By its owner, past the gateway. */
    async function leave(): Promise<void> {
      const order = { till: world.till, account: bob.id, to: host, nonce: 0 }
      const signature = await signBits(exitOrderBits(order), testKey('bob owner').sign, sha256)
      const keys = accountKeysFromJson(JSON.parse(bob.keysJson))
      const body = exitRequestBody(order, keys, signature)
      const to = Address.parseRaw(world.till)
      await world.user.transfer({ to, value: TILL_VALUE.exitRequest, body })
      await watcher.tick()
    }

    test("is charged by its owner's cheque, and by nothing else", async () => {
      await use(ton('1'), bob.id)
      expect((await cashier.tick()).commands).toEqual([])
      await giveCheque(ton('1'))
      expect((await cashier.tick()).commands).toEqual([{ do: 'cheque', account: bob.id }])
      await watcher.tick()
      expect(await debit()).toBe(ton('1'))
      await cashier.tick()
      expect(await paidOnChain()).toBe(ton('0.9'))
      await sound()
    })

    test('that leaves pays what it signed, however little that is worth', async () => {
      const patient = openCashier(world, books, { policy, delayMs: 3_600_000, chance: () => 0.5 })
      await use(ton('1'), bob.id)
      await giveCheque(ton('1'))
      expect((await patient.tick()).commands).toEqual([])
      await leave()
      expect((await patient.tick()).commands).toEqual([{ do: 'cheque', account: bob.id }])
      expect(await debit()).toBe(ton('1'))
    })

    test('that always signs ahead of its use does not use everything and leave with everything', async () => {
      const patient = openCashier(world, books, { policy })
      expect(await giveCheque(ton('9'))).toBe(false)
      for (let used = 0; used < 4; used++) {
        const open = await useOnce(world, books, {
          ...{ account: bob.id, host, cost: ton('1'), settles: false },
        })
        expect(await giveCheque(ton(String(used + 2)))).toBe(true)
        await open.settle()
      }
      await leave()
      expect((await patient.tick()).commands).toContainEqual({ do: 'cheque', account: bob.id })
      expect(await debit()).toBe(ton('5'))
      await watcher.tick()
      await sound()
    })

    test('that owes much is charged at once, also when receipts of its cheque never came', async () => {
      const patient = openCashier(world, books, { policy, delayMs: 3_600_000, chance: () => 0.5 })
      await use(ton('5'), bob.id)
      await giveCheque(ton('5.5'))
      expect((await patient.tick()).commands).toEqual([{ do: 'cheque', account: bob.id }])
      await watcher.tick()
      // Half a TON is prepaid: it is served on, and nothing is amiss.
      await use(ton('1'), bob.id)
      expect((await hostState()).collected).toBe(ton('4.5'))
      const report = await watcher.reconcile()
      expect(report).toMatchObject({ covered: true, difference: 0n })
      await sound()
    })

    test('pays the fee that its owner signed, whatever the commission is meanwhile', async () => {
      await use(ton('1'), bob.id)
      await giveCheque(ton('1'), 500)
      await cashier.tick()
      expect(await debit()).toBe(ton('1'))
    })

    test.each([
      USE_FEE_BPS,
      // Its owner gains nothing by that; the operator's part stays in the pool.
      0,
    ])(
      'that submits a cheque of its own past us makes neither books nor reserves look broken (a fee of %i)',
      async (feeBps) => {
        const cumulative = ton('9')
        const signed = { till: world.till, feeBps, cumulative }
        const keys = accountKeysFromJson(JSON.parse(bob.keysJson))
        const signature = fromHex(await bob.signCheque(signed))
        const body = chequeBody({ ...signed, account: bob.id }, keys, signature)
        const to = Address.parseRaw(world.till)
        await world.user.transfer({ to, value: TILL_VALUE.cheque, body })
        await watcher.tick()
        await sound()
        expect(await watcher.reconcile()).toMatchObject({ covered: true, difference: 0n })
        const [audit] = await books.ledger.commit([{ op: 'audit' }])
        expect(audit.prepaid).toBe(cumulative)
        // What it did not use for it is gone: the account is closed, not served twice.
        await useOnce(world, books, { account: bob.id, host, cost: ton('0.5'), fails: true })
      },
    )
  })
})

function createCashierThatOnlySigns(): Cashier {
  return openCashier(world, books, { wallet: { ...gasWallet(world), isBusy: async () => true } })
}
