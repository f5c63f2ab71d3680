import { Address, beginCell, Dictionary } from '@ton/core'
import { expect } from 'vitest'
import { nano } from '#base/nano.ts'
import { accountNumber } from '../../account-id.ts'
import { cellHash, toCell } from '../../cells.ts'
import { COINS_VALUE } from '../../charge-batch.ts'
import { voucherBits } from '../../signed-cells.ts'
import { MAX_BATCH, TILL_EXIT } from '../../till-constants.ts'
import { chargeBodyOf } from '../../till-messages.ts'
import { testKey, ton } from '../keys.ts'
import { readStore } from '../till-store.ts'
import { DAY, type TestAccount, type TillWorld } from '../till-world.ts'
import type { Rule } from './rule.ts'

/** What the wrapper refuses to build, signed by the meter key all the same. */
async function rawCharge(world: TillWorld, accounts: readonly TestAccount[], feeBps = 0) {
  const items = Dictionary.empty(Dictionary.Keys.BigUint(152), COINS_VALUE)
  for (const account of accounts) items.set(accountNumber(account.id), ton('0.01'))
  const cell = beginCell()
    .storeUint(0x43484731, 32)
    .storeAddress(Address.parseRaw(world.address))
    .storeUint(feeBps, 16)
    .storeDict(items)
    .endCell()
  return world.send(chargeBodyOf(cell, await world.meter.sign(cellHash(cell))))
}

async function funded(world: TillWorld, amount = '10'): Promise<TestAccount> {
  const account = await world.account('a')
  await world.deposit(account, nano(ton(amount) + ton('0.07')))
  return account
}

export const CHARGE_RULES: readonly Rule[] = [
  {
    title: 'C5: a charge moves collected money into fees and the hosts’ share, and nothing else',
    run: async (open) => {
      const world = await open()
      const account = await funded(world)
      const before = await world.till.getTotals()
      expect((await world.charge([[account, nano(3_000_000_007n)]], { feeBps: 333 })).ok).toBe(true)
      const after = await world.till.getTotals()
      expect(after.fees).toBe(99_900_000n)
      expect(after.held).toBe(3_000_000_007n - 99_900_000n)
      expect(after.pool).toBe(0n)
      expect(before.owed - after.owed).toBe(3_000_000_007n)
      expect(after.surplus).toBe(before.surplus)
      expect(await world.till.getAccount(account.id)).toMatchObject({ debit: 3_000_000_007n })
    },
  },
  {
    title: 'a replayed or an older charge collects nothing',
    run: async (open) => {
      const world = await open()
      const account = await funded(world)
      for (const amount of ['2', '2', '1', '2']) {
        expect((await world.charge([[account, ton(amount)]])).ok).toBe(true)
        expect((await world.till.getAccount(account.id)).debit).toBe(ton('2'))
      }
      expect((await world.till.getTotals()).held).toBe(ton('2'))
    },
  },
  {
    title: 'a charge never takes more than the account has; a later deposit pays the rest',
    run: async (open) => {
      const world = await open()
      const account = await funded(world, '1')
      await world.charge([[account, ton('3')]])
      expect(await world.till.getAccount(account.id)).toMatchObject({
        debit: ton('1'),
        available: 0n,
      })
      await world.deposit(account, ton('1.02'))
      await world.charge([[account, ton('3')]])
      expect(await world.till.getAccount(account.id)).toMatchObject({ debit: ton('2') })
    },
  },
  {
    title: 'only the meter key charges',
    run: async (open) => {
      const world = await open()
      const account = await funded(world)
      const forged = await world.charge([[account, ton('1')]], { key: testKey('thief') })
      expect(forged).toMatchObject({ exitCode: TILL_EXIT.BadSignature, bounced: true })
    },
  },
  {
    title: 'M10: a charge signed for another Till, or on another network, is void',
    run: async (open) => {
      const world = await open()
      const other = await open({ salt: new Uint8Array(32).fill(2) })
      expect(other.address).not.toBe(world.address)
      const account = await funded(world)
      const replayed = await world.charge([[account, ton('1')]], { till: other.address })
      expect(replayed.exitCode).toBe(TILL_EXIT.WrongTill)
    },
  },
  {
    title: 'M10: a signed voucher is no charge',
    run: async (open) => {
      const world = await open()
      const payee = world.host.address.toRawString()
      const cell = toCell(voucherBits({ till: world.address, payee, cumulative: ton('1') }))
      const body = chargeBodyOf(cell, await world.meter.sign(cellHash(cell)))
      expect((await world.send(body)).ok).toBe(false)
    },
  },
  {
    title: 'the meter key cannot charge a sovereign account',
    run: async (open) => {
      const world = await open()
      const account = await world.account('s', 'sovereign')
      await world.deposit(account, ton('2'))
      expect((await rawCharge(world, [account])).exitCode).toBe(TILL_EXIT.WrongMode)
    },
  },
  {
    title: 'H2: a batch of 20 accounts is taken, one of 21 is not',
    run: async (open) => {
      const world = await open()
      const accounts = await Promise.all(
        Array.from({ length: MAX_BATCH + 1 }, (_, i) => world.account(`account ${i}`)),
      )
      for (const account of accounts.slice(0, 3)) await world.depositBinary(account, ton('1'))
      expect((await rawCharge(world, accounts.slice(0, MAX_BATCH))).ok).toBe(true)
      expect((await world.till.getTotals()).held).toBe(ton('0.03'))
      expect((await rawCharge(world, accounts)).exitCode).toBe(TILL_EXIT.BatchTooLarge)
    },
  },
  {
    title: 'C5: the operator’s part is capped at deployment',
    run: async (open) => {
      const world = await open({ maxFeeBps: 500 })
      const account = await funded(world)
      const greedy = await world.charge([[account, ton('1')]], { feeBps: 501 })
      expect(greedy.exitCode).toBe(TILL_EXIT.FeeTooHigh)
      expect((await world.charge([[account, ton('1')]], { feeBps: 500 })).ok).toBe(true)
      const sovereign = await world.account('s', 'sovereign')
      await world.deposit(sovereign, ton('2'))
      const cheque = await world.cheque(sovereign, ton('1'), { feeBps: 501 })
      expect(cheque.exitCode).toBe(TILL_EXIT.FeeTooHigh)
    },
  },
  {
    title: 'an account that never got a deposit is skipped',
    run: async (open) => {
      const world = await open()
      const [known, unknown] = [await funded(world), await world.account('nobody')]
      const outcome = await world.charge([
        [unknown, ton('1')],
        [known, ton('1')],
      ])
      expect(outcome.ok).toBe(true)
      expect((await world.till.getTotals()).held).toBe(ton('1'))
    },
  },
  {
    title: 'C5: a stolen meter key takes at most the day’s cap from each account',
    run: async (open) => {
      const world = await open({ dailyCap: ton('2') })
      const account = await funded(world)
      const other = await world.account('b')
      await world.deposit(other, ton('1.07'))
      for (const amount of ['1.5', '9', '10']) await world.charge([[account, ton(amount)]])
      expect(await world.till.getAccount(account.id)).toMatchObject({
        debit: ton('2'),
        capLeft: 0n,
      })
      await world.charge([[other, ton('1')]])
      expect(await world.till.getAccount(other.id)).toMatchObject({
        debit: ton('1'),
        capLeft: ton('1'),
      })
      world.wait(DAY)
      expect((await world.till.getAccount(account.id)).capLeft).toBe(ton('2'))
      await world.charge([[account, ton('10')]])
      expect((await world.till.getAccount(account.id)).debit).toBe(ton('4'))
    },
  },
  {
    title: 'H4: managed debits wait out full days, and dust restarts nobody’s wait',
    run: async (open) => {
      const world = await open({ holdDays: 2 })
      const account = await funded(world)
      await world.charge([[account, ton('1')]])
      for (let day = 1; day <= 2; day++) {
        world.wait(DAY)
        await world.charge([[account, nano(ton('1') + BigInt(day))]])
        expect(await world.till.getTotals()).toMatchObject({
          pool: 0n,
          held: ton('1') + BigInt(day),
        })
      }
      world.wait(DAY)
      expect(await world.till.getTotals()).toMatchObject({ pool: ton('1'), held: 2n })
      await world.charge([[account, nano(ton('1') + 3n)]])
      world.wait(DAY)
      expect(await world.till.getTotals()).toMatchObject({ pool: ton('1') + 1n, held: 2n })
      world.wait(30 * DAY)
      expect(await world.till.getTotals()).toMatchObject({ pool: ton('1') + 3n, held: 0n })
    },
  },
  {
    title: 'H4: days of held money do not pile up, whoever charges',
    run: async (open) => {
      const world = await open({ holdDays: 1 })
      const account = await funded(world, '20')
      for (let day = 1; day <= 5; day++) {
        await world.charge([[account, nano(BigInt(day))]])
        expect((await readStore(world)).buckets.size).toBeLessThanOrEqual(2)
        world.wait(DAY)
      }
      await world.requestExit(account)
      expect((await world.fastExit(account, nano(6n))).ok).toBe(true)
      expect((await readStore(world)).buckets.size).toBe(2)
      // What collects nothing leaves nothing.
      world.wait(5 * DAY)
      await world.charge([[account, ton('9')]])
      expect((await readStore(world)).buckets.size).toBe(0)
    },
  },
  {
    title: 'without a hold the hosts’ share is pool at once',
    run: async (open) => {
      const world = await open({ holdDays: 0 })
      const account = await funded(world)
      await world.charge([[account, ton('1')]], { feeBps: 1000 })
      expect(await world.till.getTotals()).toMatchObject({
        pool: ton('0.9'),
        held: 0n,
        fees: ton('0.1'),
      })
    },
  },
  {
    title: 'the sender of a charge gets back what it did not use',
    run: async (open) => {
      const world = await open()
      const account = await funded(world)
      const [purse, till] = [await world.relay.getBalance(), await world.till.getTotals()]
      await world.charge([[account, ton('1')]])
      expect(purse - (await world.relay.getBalance())).toBeLessThan(ton('0.02'))
      expect((await world.till.getTotals()).surplus).toBe(till.surplus)
    },
  },
]
