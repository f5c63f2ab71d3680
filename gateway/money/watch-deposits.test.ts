import { Address, comment, TupleReader, toNano } from '@ton/core'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { MAX_COLUMN_NANO, nano } from '#base/nano.ts'
import {
  accountKeysFromJson,
  exitFinishBody,
  exitOrderBits,
  exitRequestBody,
  formatMemo,
  signBits,
  TILL_VALUE,
} from '#contracts'
import { devRpc } from '#dev/chain/dev-rpc.ts'
import type { AccountId } from '../db/ids.ts'
import type { Chain } from './chain.ts'
import {
  type Books,
  chainAt,
  openBooks,
  openWatcher,
  openWorld,
  rawAddress,
  sha256,
  testAccount,
  testKey,
  tillAccount,
  ton,
  type World,
} from './testing/money-world.ts'

/** What the Till keeps of the deposit that opens an account, and of any other. */
const OPENING = 70_000_000n
const FEE = 20_000_000n

let world: World
let books: Books
let alice: AccountId

beforeEach(async () => {
  world = await openWorld()
  books = openBooks()
  alice = (await testAccount('alice')).id
})
afterEach(async () => {
  books.close()
  await world.close()
})

async function available(account = alice): Promise<bigint | undefined> {
  const [read] = await books.ledger.commit([{ op: 'read_account', account }])
  return read.ok ? read.account.available : undefined
}

async function sound(): Promise<void> {
  const [audit] = await books.ledger.commit([{ op: 'audit' }])
  expect(audit.broken).toEqual([])
}

const send = (options: { value: string; comment?: string; bounce?: boolean }) =>
  world.user.transfer({
    to: Address.parseRaw(world.till),
    value: toNano(options.value),
    bounce: options.bounce ?? true,
    ...(options.comment === undefined ? {} : { comment: options.comment }),
  })

describe('deposits', () => {
  test('a transfer with the memo is credited by the next tick, less the fee of the Till, once', async () => {
    const watcher = openWatcher(world, books)
    await world.deposit(alice, '5')
    expect((await watcher.tick()).credited).toBe(ton('5') - OPENING)
    await world.deposit(alice, '2')
    await watcher.tick()
    expect((await watcher.tick()).events).toEqual([])
    expect(await available()).toBe(ton('7') - OPENING - FEE)
    await sound()
  })

  test('the memo counts in any case, grouped, spaced or dashed', async () => {
    const memo = formatMemo(alice)
    const texts = [alice.toLowerCase(), memo, memo.replaceAll('-', ' '), ` ${alice} `]
    for (const text of texts) await send({ value: '1', comment: text })
    await openWatcher(world, books).tick()
    expect(await available()).toBe(ton('4') - OPENING - 3n * FEE)
  })

  test('money without a valid memo is an orphan that the operator sees, dust too', async () => {
    await send({ value: '1', comment: 'hello', bounce: false })
    await send({ value: '1', comment: `${alice.slice(0, -1)}`, bounce: false })
    await send({ value: '0.05', comment: alice, bounce: false })
    await send({ value: '1', comment: 'returned' })
    await openWatcher(world, books).tick()
    const list = async (kind: 'orphan' | 'returned') => {
      const op = { op: 'list_events', of: { kind }, before: null, limit: 10 } as const
      const [listed] = await books.ledger.commit([op])
      return listed.events.map((event) => event.value)
    }
    expect(await list('orphan')).toEqual([ton('0.05'), ton('1'), ton('1')])
    expect(await list('returned')).toEqual([ton('1')])
    expect(await available()).toBeUndefined()
  })

  test('an account lists its own deposits with sender and amount', async () => {
    await world.deposit(alice, '5')
    await openWatcher(world, books).tick()
    const op = { op: 'list_events', of: { account: alice }, before: null, limit: 10 } as const
    const [listed] = await books.ledger.commit([op])
    const sender = world.user.address.toRawString()
    expect(listed.events).toMatchObject([
      { kind: 'deposit', account: alice, sender, value: ton('5'), reason: null },
    ])
  })

  test('a week of deposits while the gateway was down is taken over in steps, and resumes where it was cut', async () => {
    const bob = (await testAccount('bob')).id
    for (let i = 0; i < 130; i++) await world.deposit(i % 2 === 0 ? alice : bob, '0.2')
    const chain = chainAt(world.dev.endpoint)
    let pages = 0
    const cut: Chain = {
      ...chain,
      transactions: async (...args) => {
        if (++pages === 2) throw new Error('killed')
        return chain.transactions(...args)
      },
    }
    await expect(openWatcher(world, books, { chain: cut }).tick()).rejects.toThrow('killed')
    books = books.restart()
    pages = 2
    const report = await openWatcher(world, books, { chain: cut }).tick()
    expect(report.events.filter(({ kind }) => kind === 'deposit')).toHaveLength(130)
    expect(pages).toBe(3)
    for (const account of [alice, bob]) {
      expect(await available(account)).toBe((await tillAccount(world, account)).available)
    }
    await sound()
  })
})

describe('providers', () => {
  test('errors, rate limits and lost answers delay a deposit and lose none', async () => {
    const watcher = openWatcher(world, books)
    await world.deposit(alice, '5')
    Object.assign(world.dev.faults, { unavailable: 2, rateLimited: 2 })
    expect((await watcher.tick()).credited).toBe(ton('5') - OPENING)
    world.dev.faults.unavailable = 100
    await expect(watcher.tick()).rejects.toMatchObject({ code: 'unavailable' })
  })

  test('a provider that falls behind is refused, not believed', async () => {
    const watcher = openWatcher(world, books)
    await world.deposit(alice, '5')
    await watcher.tick()
    world.dev.faults.lagBlocks = 1
    await expect(watcher.tick()).rejects.toMatchObject({ code: 'regressed' })
    books = books.restart()
    await expect(openWatcher(world, books).tick()).rejects.toMatchObject({ code: 'regressed' })
  })

  test('a provider that stands still is stale after a minute', async () => {
    const watcher = openWatcher(world, books)
    world.dev.faults.stale = { seqno: world.dev.chain.history.seqno, time: world.dev.chain.now() }
    await watcher.tick()
    world.dev.chain.advance(120)
    await expect(watcher.tick()).rejects.toMatchObject({ code: 'stale' })
  })

  test('a dropped or reordered row stops the scan instead of a deposit', async () => {
    for (let i = 0; i < 3; i++) await world.deposit(alice, '1')
    const chain = chainAt(world.dev.endpoint)
    const dropping: Chain = {
      ...chain,
      transactions: async (...args) => {
        const page = await chain.transactions(...args)
        return page.filter((_, i) => i !== 1)
      },
    }
    const watcher = openWatcher(world, books, { chain: dropping })
    const report = await watcher.tick()
    // The row is asked for again, from where the chain of hashes breaks.
    expect(report.events.filter(({ kind }) => kind === 'deposit')).toHaveLength(3)
    await sound()
  })

  test('another history of the same contract is a fork: nothing is credited, the operator is told', async () => {
    await world.deposit(alice, '1')
    const liar = await world.dev.fork()
    await openWatcher(world, books).tick()
    await world.deposit(alice, '1')
    await openWatcher(world, books).tick()
    const before = await available()
    const { openDevWallet } = await import('#dev/chain/wallet.ts')
    const thief = openDevWallet(liar.endpoint, 'thief')
    await thief.fund('5000')
    for (let i = 0; i < 3; i++) {
      await thief.transfer({
        to: Address.parseRaw(world.till),
        value: toNano('1000'),
        body: comment(alice),
      })
    }
    const watcher = openWatcher(world, books, { chain: chainAt(liar.endpoint) })
    await expect(watcher.tick()).rejects.toMatchObject({ code: 'fork' })
    expect(await available()).toBe(before)
    await openWatcher(world, books).tick()
    await sound()
  })

  test('beside witnesses every provider must show the same account, however little it grew (M11)', async () => {
    const liar = await world.dev.fork()
    const { openDevWallet } = await import('#dev/chain/wallet.ts')
    const thief = openDevWallet(liar.endpoint, 'thief')
    await thief.fund('5000')
    await thief.transfer({
      to: Address.parseRaw(world.till),
      value: toNano('0.2'),
      body: comment(alice),
    })
    const witnesses = [chainAt(world.dev.endpoint)]
    const limits = { total: nano(0n) }
    const lied = openWatcher(world, books, { chain: chainAt(liar.endpoint), witnesses, limits })
    await expect(lied.tick()).rejects.toMatchObject({ code: 'untrusted' })
    expect(await available()).toBeUndefined()
    // Its owner is told that it was seen, and that the others must agree; nobody else is.
    const listed = (account: AccountId) =>
      books.ledger.commit([{ op: 'list_waiting', of: { account } }])
    const [seen] = await listed(alice)
    expect(seen.deposits).toMatchObject([{ value: toNano('0.2'), waitsFor: 'agreement' }])
    // They never do: it was a lie.
    await openWatcher(world, books, { limits }).tick()
    expect((await listed(alice))[0].deposits).toEqual([])
  })

  test('a debit or a payout needs every provider’s word, however small (M11, H1)', async () => {
    const witness = await world.dev.serve()
    const witnesses = [chainAt(witness.endpoint)]
    const watcher = openWatcher(world, books, { witnesses })
    await world.deposit(alice, '5')
    await watcher.tick()
    const { readTill } = await import('./read-till.ts')
    const real = chainAt(world.dev.endpoint)
    // A provider that says that a nano was collected: hosts would be vouchered for it.
    const liar: Chain = {
      ...real,
      runGet: async (address, method, args) => {
        const answer = await real.runGet(address, method, args)
        if (method !== 'account') return answer
        const items = Array.from({ length: 7 }, () => answer.stack.readBigNumber())
        const lied = items.map((value, i) => ({
          type: 'int' as const,
          value: i === 1 ? 1n : value,
        }))
        return { ...answer, stack: new TupleReader(lied) }
      },
    }
    expect((await readTill(liar, world.till).account(alice)).value.debit).toBe(1n)
    const lied = openWatcher(world, books, { chain: liar, witnesses })
    await expect(lied.reconcile()).rejects.toMatchObject({ code: 'untrusted' })
    await watcher.reconcile()
    const [read] = await books.ledger.commit([{ op: 'read_account', account: alice }])
    expect(read.ok && read.account.collected).toBe(0n)
  })

  test('one provider alone credits no more than the limit in all (M11)', async () => {
    const limits = { total: ton('3') }
    await world.deposit(alice, '2')
    await openWatcher(world, books, { limits }).tick()
    await world.deposit(alice, '2')
    await expect(openWatcher(world, books, { limits }).tick()).rejects.toMatchObject({
      code: 'untrusted',
    })
    expect(await available()).toBe(ton('2') - OPENING)
  })

  test('who pays in and takes out again and again does not use that limit up for all others', async () => {
    const limits = { total: ton('9') }
    const bob = await testAccount('bob')
    const leave = async (nonce: number) => {
      const order = { till: world.till, account: bob.id, to: rawAddress(world.user.address), nonce }
      const signature = await signBits(exitOrderBits(order), testKey('bob owner').sign, sha256)
      const keys = accountKeysFromJson(JSON.parse(bob.keysJson))
      const to = Address.parseRaw(world.till)
      const body = exitRequestBody(order, keys, signature)
      await world.user.transfer({ to, value: TILL_VALUE.exitRequest, body })
      world.dev.chain.advance(86_400)
      const finish = exitFinishBody(bob.id)
      await world.user.transfer({ to, value: TILL_VALUE.exitFinish, body: finish })
    }
    for (let i = 0; i < 3; i++) {
      await world.deposit(bob.id, '5')
      await openWatcher(world, books, { limits }).tick()
      await leave(i)
      await openWatcher(world, books, { limits }).tick()
      expect(await available(bob.id)).toBe(0n)
    }
    await world.deposit(alice, '5')
    await openWatcher(world, books, { limits }).tick()
    expect(await available()).toBe(ton('5') - OPENING)
    await sound()
  })

  test('an amount beyond what a column holds stops nobody else’s deposit', async () => {
    const { sandbox } = world.dev.chain
    const faucet = await sandbox.getContract((await sandbox.treasury('faucet')).address)
    faucet.balance = toNano('50000000')
    const whale = (text: string, bounce: boolean) =>
      devRpc(world.dev.endpoint, fetch).faucet({
        ...{ address: world.till, amount: '9100000', comment: text, bounce },
      })
    const bob = (await testAccount('bob')).id
    await whale('no memo', true)
    await whale(alice, false)
    await world.deposit(bob, '2')
    const limits = { total: nano(10n * MAX_COLUMN_NANO) }
    const watcher = openWatcher(world, books, { limits })
    await watcher.tick()
    expect(await available(bob)).toBe(ton('2') - OPENING)
    expect(await available()).toBe(MAX_COLUMN_NANO)
    await whale(alice, false)
    await world.deposit(bob, '2')
    await watcher.tick()
    expect(await available(bob)).toBe(ton('4') - OPENING - FEE)
    expect(await watcher.reconcile()).toMatchObject({ missed: 0, covered: true })
    await sound()
  })
})

describe('the nightly look at the whole history', () => {
  test('adds up to the Till’s balance, to the nano, whatever happened, and finds nothing amiss', async () => {
    const watcher = openWatcher(world, books)
    await world.deposit(alice, '5')
    await send({ value: '1', comment: 'no memo', bounce: false })
    await send({ value: '1', comment: 'no memo, returned' })
    await send({ value: '0.05', comment: alice, bounce: false })
    world.dev.chain.advance(86_400)
    await world.deposit(alice, '2')
    await watcher.tick()
    // Newer than the cursor: no business of this look.
    await world.deposit(alice, '1')
    const report = await watcher.reconcile()
    expect(report).toMatchObject({ missed: 0, invented: 0, difference: 0n, covered: true })
    expect(report.transactions).toBe(6)
  })

  test('finds and takes over what the books do not have, and names what the chain does not have', async () => {
    const watcher = openWatcher(world, books)
    await world.deposit(alice, '5')
    await watcher.tick()
    const bob = (await testAccount('bob')).id
    await world.deposit(bob, '3')
    await watcher.tick()
    // As if an earlier program had passed the deposit by.
    const { prepare } = books.store
    prepare('DELETE FROM chain_events WHERE account = ?').run(bob)
    prepare('DELETE FROM transfers WHERE target = ?').run(`acct:${bob}`)
    prepare('DELETE FROM accounts WHERE id = ?').run(bob)
    prepare("UPDATE chain_events SET hash = 'ff' WHERE account = ?").run(alice)
    books = books.restart()
    const again = openWatcher(world, books)
    expect(await again.reconcile()).toMatchObject({ missed: 2, difference: 0n })
    expect(await available(bob)).toBe((await tillAccount(world, bob)).available)
    expect(await again.reconcile()).toMatchObject({ missed: 0, invented: 0 })
    const insert = `INSERT INTO chain_events (address, lt, hash, kind, value, time) VALUES (?, '00000000000000000001', 'aa', 'deposit', 1, 1)`
    books.store.prepare(insert).run(world.till)
    expect(await again.reconcile()).toMatchObject({ invented: 1 })
  })

  test('a Till that holds less than the books owe is said', async () => {
    const watcher = openWatcher(world, books)
    await world.deposit(alice, '5')
    await watcher.tick()
    const lie = ton('100')
    const at = world.clock()
    await books.ledger.commit([
      {
        op: 'mirror_account',
        account: (await testAccount('x')).id,
        mode: 'managed',
        credit: lie,
        debit: nano(0n),
        paidOut: nano(0n),
        exitAt: null,
        cap: null,
        seqno: 1,
        at,
      },
    ])
    // The account is read again, but what was credited once stays: counters only grow.
    expect(await watcher.reconcile()).toMatchObject({ covered: false, difference: 0n })
  })
})
