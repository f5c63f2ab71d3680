import { Address, type Cell } from '@ton/core'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Nano } from '#base/nano.ts'
import {
  accountKeysFromJson,
  exitFinishBody,
  exitOrderBits,
  exitRequestBody,
  plainBody,
  rotateKeyBody,
  signBits,
  TILL_VALUE,
} from '#contracts'
import { openDevWallet } from '#dev/chain/wallet.ts'
import type { TonAddress } from '../db/ids.ts'
import { readTill } from './read-till.ts'
import type { Cashier } from './run-cashier.ts'
import {
  type Books,
  chainAt,
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
  USE_FEE_BPS,
  useOnce,
  type World,
} from './testing/money-world.ts'
import { gasWallet, openCashier } from './testing/open-cashier.ts'
import type { Watcher } from './watch-deposits.ts'

/** What the cashier's gas is spent on, and what it is not spent on: a wallet that is empty when it counts pays nobody. */

let world: World
let books: Books
let watcher: Watcher
let cashier: Cashier
let alice: TestAccount
let host: TonAddress

beforeEach(async () => {
  world = await openWorld()
  books = openBooks()
  host = rawAddress(openDevWallet(world.dev.endpoint, 'host').address)
  alice = await testAccount('alice')
  watcher = openWatcher(world, books)
  cashier = openCashier(world, books)
  await world.deposit(alice.id, '10')
  await watcher.tick()
  await world.fund(gasWallet(world).address, '5')
})
afterEach(async () => {
  books.close()
  await world.close()
})

const use = (cost: Nano, to = host) => useOnce(world, books, { account: alice.id, host: to, cost })
const operate = (body: Cell) =>
  world.user.transfer({ to: Address.parseRaw(world.till), value: TILL_VALUE.operator, body })
const paidTo = (payee: TonAddress) =>
  readTill(chainAt(world.dev.endpoint), world.till).payeePaid(payee)

/** Past the gateway, with everything. */
async function leave({ id, keysJson }: TestAccount, name: string): Promise<void> {
  const order = { till: world.till, account: id, to: host, nonce: 0 }
  const signature = await signBits(exitOrderBits(order), testKey(`${name} owner`).sign, sha256)
  const keys = accountKeysFromJson(JSON.parse(keysJson))
  const to = Address.parseRaw(world.till)
  const body = exitRequestBody(order, keys, signature)
  await world.user.transfer({ to, value: TILL_VALUE.exitRequest, body })
  world.dev.chain.advance(86_401)
  const finish = exitFinishBody(id)
  await world.user.transfer({ to, value: TILL_VALUE.exitFinish, body: finish })
}

/** Rounds with enough time between them that whatever had no effect is tried again. */
async function rounds(count: number): Promise<readonly string[]> {
  const sent: string[] = []
  for (let i = 0; i < count; i++) {
    world.dev.chain.advance(91)
    sent.push((await cashier.tick()).sent)
    await watcher.tick()
  }
  return sent
}

describe('gas', () => {
  test('is not spent on charges of what an exit has taken out, until money comes again', async () => {
    const open = await useOnce(world, books, {
      ...{ account: alice.id, host, cost: ton('2'), settles: false },
    })
    await leave(alice, 'alice')
    await watcher.tick()
    await open.settle()
    expect(await rounds(3)).toEqual(['nothing', 'nothing', 'nothing'])
    await world.deposit(alice.id, '5')
    await watcher.tick()
    expect(await rounds(2)).toEqual(['sent', 'sent'])
    expect((await tillAccount(world, alice.id)).debit).toBe(ton('2'))
    expect(await paidTo(host)).toBe(ton('1.8'))
  })

  test('is not spent on cheques of an account that has left', async () => {
    const bob = await testAccount('bob', 'sovereign')
    await world.deposit(bob.id, '5')
    await watcher.tick()
    const opened = { account: bob.id, mode: 'sovereign', keys: bob.keysJson } as const
    await books.ledger.commit([{ op: 'open_account', ...opened, at: world.clock() }])
    await useOnce(world, books, { account: bob.id, host, cost: ton('2') })
    await leave(bob, 'bob')
    await watcher.tick()
    const said = { feeBps: USE_FEE_BPS, cumulative: ton('2') }
    const signature = await bob.signCheque({ till: world.till, ...said })
    // The ledger takes no cheque above what an account has: this one came before its exit was seen.
    books.store
      .prepare(
        'UPDATE accounts SET cheque = ?, cheque_fee_bps = ?, cheque_signature = ? WHERE id = ?',
      )
      .run(Number(said.cumulative), said.feeBps, signature, bob.id)
    expect(await rounds(3)).toEqual(['nothing', 'nothing', 'nothing'])
  })

  test('is not spent on what a frozen Till refuses, also while its key is about to change', async () => {
    await use(ton('2'))
    await cashier.tick()
    await watcher.tick()
    await use(ton('2'))
    await operate(plainBody('freeze'))
    await operate(rotateKeyBody(testKey('next').publicKey, { dropPrevious: true }))
    expect(await rounds(3)).toEqual(['frozen', 'frozen', 'frozen'])
    world.dev.chain.advance(3 * 86_400)
    await rounds(2)
    expect(await paidTo(host)).toBe(ton('3.6'))
  })

  test('is not spent on what a key signs that the Till does not honour', async () => {
    const next = testKey('next')
    await use(ton('2'))
    cashier = openCashier(world, books, { sign: next.sign, meterKey: next.publicKey })
    expect(await rounds(3)).toEqual(['not_honoured', 'not_honoured', 'not_honoured'])
  })

  test('that does not reach for everything pays for what it reaches', async () => {
    const others = Array.from({ length: 3 }, (_, i) =>
      rawAddress(openDevWallet(world.dev.endpoint, `host ${i}`).address),
    )
    for (const other of others) await use(ton('0.5'), other)
    await cashier.tick()
    await watcher.tick()
    const poor = gasWallet(world, 'poor')
    await world.fund(poor.address, '0.2')
    cashier = openCashier(world, books, { wallet: poor })
    expect(await cashier.tick()).toMatchObject({ sent: 'unfunded' })
    const paid = await Promise.all(others.map(paidTo))
    expect(paid.filter((amount) => amount > 0n)).toHaveLength(2)
  })
})
