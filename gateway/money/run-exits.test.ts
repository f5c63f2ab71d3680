import { TupleReader } from '@ton/core'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { hex } from '#base/bytes.ts'
import { cancelOrderBits, exitOrderBits, signBits } from '#contracts'
import { openDevWallet } from '#dev/chain/wallet.ts'
import type { TonAddress } from '../db/ids.ts'
import { orderedExits } from '../ledger/exits.ts'
import type { Chain } from './chain.ts'
import { openGasWallet } from './gas-wallet.ts'
import { createExits, type ExitStep, type Exits, type ExitsDeps } from './run-exits.ts'
import {
  type Books,
  chainAt,
  METER,
  openBooks,
  openWatcher,
  openWorld,
  rawAddress,
  sha256,
  type TestAccount,
  testAccount,
  testKey,
  tillAccount,
  ton,
  useOnce,
  type World,
} from './testing/money-world.ts'
import type { Watcher } from './watch-deposits.ts'

const FEE_BPS = 1_000
const DEPOSIT_FEES = 70_000_000n

let world: World
let books: Books
let watcher: Watcher
let alice: TestAccount
let home: TonAddress
let host: TonAddress

beforeEach(async () => {
  world = await openWorld()
  books = openBooks()
  alice = await testAccount('alice')
  home = rawAddress(openDevWallet(world.dev.endpoint, 'home').address)
  host = rawAddress(openDevWallet(world.dev.endpoint, 'host').address)
  watcher = openWatcher(world, books)
  await world.deposit(alice.id, '10')
  await watcher.tick()
  await openOwned(alice, 'managed')
  await world.fund(wallet().address, '5')
})
afterEach(async () => {
  books.close()
  await world.close()
})

const wallet = () =>
  openGasWallet({
    chain: chainAt(world.dev.endpoint),
    secretKey: new Uint8Array(testKey('gas').secretKey),
    networkId: -239,
  })

const openOwned = ({ id, keysJson }: TestAccount, mode: 'managed' | 'sovereign') =>
  books.ledger.commit([
    { op: 'open_account', account: id, mode, keys: keysJson, at: world.clock() },
  ])

const tick = (): Promise<readonly ExitStep[]> => open().tick()

function open(changes: Partial<ExitsDeps> = {}): Exits {
  return createExits({
    till: world.till,
    chain: chainAt(world.dev.endpoint),
    wallet: wallet(),
    ledger: books.ledger,
    orders: async () => orderedExits(books.store, world.till, Math.random),
    sign: METER.sign,
    meterKey: METER.publicKey,
    sha256,
    feeBps: FEE_BPS,
    clock: world.clock,
    ...changes,
  })
}

async function order({ id }: TestAccount, name: string, nonce = 0): Promise<void> {
  const bits = exitOrderBits({ till: world.till, account: id, to: home, nonce })
  const signature = hex(await signBits(bits, testKey(`${name} owner`).sign, sha256))
  const said = { account: id, till: world.till, nonce, at: world.clock() }
  const [ordered] = await books.ledger.commit([
    { op: 'order_exit', ...said, order: { to: home, signature } },
  ])
  expect(ordered).toEqual({ ok: true })
}

const steps = async () => (await tick()).map(({ command }) => command.do)
const homeBalance = () => openDevWallet(world.dev.endpoint, 'home').balance()

async function sound(): Promise<void> {
  await watcher.tick()
  const [audit] = await books.ledger.commit([{ op: 'audit' }])
  expect(audit.broken).toEqual([])
}

describe('an ordered exit', () => {
  test('is paid at once, less what was used, and the account is open again', async () => {
    await useOnce(world, books, { account: alice.id, host, cost: ton('1') })
    await order(alice, 'alice')
    expect(await steps()).toEqual(['request'])
    expect(await steps()).toEqual(['fast'])
    expect(await homeBalance()).toBe(ton('10') - DEPOSIT_FEES - ton('1'))
    expect(await steps()).toEqual(['close'])
    expect(await steps()).toEqual([])
    await sound()
    const [read] = await books.ledger.commit([{ op: 'read_account', account: alice.id }])
    expect(read.ok && read.account).toMatchObject({ available: 0n, collected: ton('1') })
    // The host's share of the final debit is collected, so that it may be vouchered (H1).
    const [{ host: earned }] = await books.ledger.commit([{ op: 'read_host', payee: host }])
    expect(earned.collected).toBe(ton('0.9'))
  })

  test('waits for open requests, and for nothing longer than the Till’s delay', async () => {
    const open = await useOnce(world, books, {
      account: alice.id,
      host,
      cost: ton('1'),
      settles: false,
    })
    await order(alice, 'alice')
    expect(await steps()).toEqual(['request'])
    expect(await tick()).toMatchObject([{ command: { do: 'wait', for: 'requests' } }])
    expect(await homeBalance()).toBe(0n)
    await open.settle()
    expect(await steps()).toEqual(['fast'])
    expect(await homeBalance()).toBe(ton('10') - DEPOSIT_FEES - ton('1'))
    await sound()
  })

  test('whose requests never end is finished by the Till’s delay', async () => {
    await useOnce(world, books, { account: alice.id, host, cost: ton('1'), settles: false })
    await order(alice, 'alice')
    await tick()
    world.dev.chain.advance(86_401)
    expect(await steps()).toEqual(['finish'])
    expect(await homeBalance()).toBe(ton('10') - DEPOSIT_FEES)
    await sound()
  })

  test('is sent once, whatever the network does to the message, and survives a restart at any step', async () => {
    await order(alice, 'alice')
    world.dev.faults.dropSends = 1
    expect(await steps()).toEqual(['request'])
    world.dev.chain.advance(91)
    world.dev.faults.duplicateSends = 1
    world.dev.faults.loseReplies = 1
    expect(await steps()).toEqual(['request'])
    books = books.restart()
    watcher = openWatcher(world, books)
    world.dev.faults.duplicateSends = 1
    expect(await steps()).toEqual(['fast'])
    books = books.restart()
    watcher = openWatcher(world, books)
    expect(await homeBalance()).toBe(ton('10') - DEPOSIT_FEES)
    expect(await steps()).toEqual(['close'])
    await sound()
  })

  test('is called off by its owner, before and after the Till has armed it', async () => {
    await order(alice, 'alice')
    await useOnce(world, books, {
      account: alice.id,
      host,
      cost: ton('1'),
      settles: false,
      fails: true,
    })
    expect(await steps()).toEqual(['request'])
    const bits = cancelOrderBits({ till: world.till, account: alice.id, nonce: 1 })
    const signature = hex(await signBits(bits, testKey('alice owner').sign, sha256))
    await books.ledger.commit([{ op: 'cancel_exit', account: alice.id, nonce: 1, signature }])
    expect(await steps()).toEqual(['cancel'])
    expect((await tillAccount(world, alice.id)).exitAt).toBe(0)
    expect(await steps()).toEqual(['close'])
    await watcher.tick()
    await useOnce(world, books, { account: alice.id, host, cost: ton('1') })
    expect(await homeBalance()).toBe(0n)
  })

  test('of an account that has nothing costs no gas, however often it is ordered', async () => {
    const nobody = await testAccount('nobody')
    await openOwned(nobody, 'managed')
    const before = await wallet().balance()
    for (let i = 0; i < 3; i++) {
      await order(nobody, 'nobody')
      expect(await steps()).toEqual(['close'])
      world.dev.chain.advance(91)
    }
    expect(await wallet().balance()).toBe(before)
  })

  test('is not forgotten because a provider shows the account as it was before', async () => {
    const armed = await order(alice, 'alice').then(steps)
    expect(armed).toEqual(['request'])
    expect(await steps()).toEqual(['fast'])
    expect(await steps()).toEqual(['close'])
    await world.deposit(alice.id, '5')
    await watcher.tick()
    await order(alice, 'alice', 1)
    const real = chainAt(world.dev.endpoint)
    // One server behind the provider's address has not seen the first exit yet.
    const lagging: Chain = {
      ...real,
      runGet: async (address, method, args) => {
        const answer = await real.runGet(address, method, args)
        if (method !== 'account') return answer
        const items = Array.from({ length: 7 }, () => answer.stack.readBigNumber())
        const stack = items.map((value, i) => ({
          type: 'int' as const,
          value: i === 5 ? 0n : value,
        }))
        return { ...answer, stack: new TupleReader(stack) }
      },
    }
    expect(await open({ chain: lagging }).tick()).toMatchObject([
      { command: { do: 'wait', for: 'block' } },
    ])
    expect(await steps()).toEqual(['request'])
    expect(await steps()).toEqual(['fast'])
  })

  test('has no final word of a key that does not count at the Till, which would refuse it each time', async () => {
    const next = testKey('next meter')
    await order(alice, 'alice')
    expect(await steps()).toEqual(['request'])
    const exits = open({ sign: next.sign, meterKey: next.publicKey })
    expect(await exits.tick()).toMatchObject([{ command: { do: 'wait', for: 'key' } }])
    expect(await steps()).toEqual(['fast'])
  })

  test('waits for gas, signs nothing meanwhile, and goes on by itself', async () => {
    const poor = openGasWallet({
      chain: chainAt(world.dev.endpoint),
      secretKey: new Uint8Array(testKey('poor').secretKey),
      networkId: -239,
    })
    await order(alice, 'alice')
    const signing = { sign: METER.sign, signed: 0 }
    const exits = open({
      wallet: poor,
      sign: (hash) => {
        signing.signed++
        return signing.sign(hash)
      },
    })
    for (let round = 0; round < 3; round++) {
      expect(await exits.tick()).toMatchObject([{ command: { do: 'request' } }])
      expect(exits.waitForGas()).toBe(true)
    }
    expect((await tillAccount(world, alice.id)).exitAt).toBe(0)
    // The owner's order arrives by somebody else's gas: the meter's word on the final debit is what waits now.
    expect(await steps()).toEqual(['request'])
    expect(await exits.tick()).toMatchObject([{ command: { do: 'fast' } }])
    expect([exits.waitForGas(), signing.signed]).toEqual([true, 0])
    await world.fund(poor.address, '5')
    expect(await exits.tick()).toMatchObject([{ command: { do: 'fast' } }])
    expect([exits.waitForGas(), signing.signed]).toEqual([false, 1])
    expect(await homeBalance()).toBe(ton('10') - DEPOSIT_FEES)
    await sound()
  })

  test('a sovereign account leaves when its cheques cover what it used', async () => {
    const bob = await testAccount('bob', 'sovereign')
    await world.deposit(bob.id, '5')
    await watcher.tick()
    await openOwned(bob, 'sovereign')
    await useOnce(world, books, { account: bob.id, host, cost: ton('1') })
    await order(bob, 'bob')
    await tick()
    expect(await tick()).toMatchObject([{ command: { do: 'wait', for: 'cheque' } }])
    world.dev.chain.advance(86_401)
    expect(await steps()).toEqual(['finish'])
    // Usage without a cheque is the gateway's loss: nothing charges a sovereign account but its cheques.
    expect(await homeBalance()).toBe(ton('5') - DEPOSIT_FEES)
    await sound()
  })
})
