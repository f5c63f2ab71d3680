import { expect } from 'vitest'
import { nano } from '#base/nano.ts'
import { MAX_PAYEES, PAYEE_FEE, TILL_EXIT } from '../../till-constants.ts'
import { testKey, ton } from '../keys.ts'
import { masterchainRedeem } from '../masterchain-bodies.ts'
import { payeeKey, readStore, writeStore } from '../till-store.ts'
import { DAY, type TillWorld } from '../till-world.ts'
import type { OpenTill, Rule } from './rule.ts'

/** A Till whose pool holds 3 TON and whose accounts still own 4. */
async function withPool(open: OpenTill): Promise<TillWorld> {
  const world = await open({ holdDays: 0 })
  const account = await world.account('a')
  await world.deposit(account, ton('7.07'))
  await world.charge([[account, ton('3')]])
  return world
}

export const VOUCHER_RULES: readonly Rule[] = [
  {
    title: 'a voucher pays its payee exactly, whoever submits it; a replay pays nothing',
    run: async (open) => {
      const world = await withPool(open)
      const payee = world.host.address.toRawString()
      for (const [cumulative, paid] of [
        ['1', '1'],
        ['2.5', '1.5'],
      ] as const) {
        const { transactions, ok } = await world.redeem(payee, ton(cumulative))
        expect(ok).toBe(true)
        const payout = transactions.find(({ inMessage }) => {
          const info = inMessage?.info
          return info?.type === 'internal' && info.dest.equals(world.host.address)
        })
        const info = payout?.inMessage?.info
        expect(info?.type === 'internal' && info.value.coins).toBe(ton(paid))
        expect(await world.till.getPayeePaid(payee)).toBe(ton(cumulative))
      }
      expect((await world.redeem(payee, ton('2.5'))).exitCode).toBe(TILL_EXIT.NothingDue)
      expect((await world.redeem(payee, ton('1'))).exitCode).toBe(TILL_EXIT.NothingDue)
      expect((await world.till.getTotals()).pool).toBe(ton('0.5'))
    },
  },
  {
    title: 'a voucher takes pool money only, and the rest of it when there is more',
    run: async (open) => {
      const world = await withPool(open)
      const payee = world.host.address.toRawString()
      await world.redeem(payee, ton('100'))
      expect(await world.till.getPayeePaid(payee)).toBe(ton('3'))
      expect(await world.till.getTotals()).toMatchObject({ pool: 0n, owed: ton('4') })
      expect((await world.redeem(payee, ton('100'))).exitCode).toBe(TILL_EXIT.NothingDue)
      await world.charge([[await world.account('a'), ton('4')]])
      await world.redeem(payee, ton('100'))
      expect(await world.till.getPayeePaid(payee)).toBe(ton('4'))
    },
  },
  {
    title: 'C5: what the meter key just charged cannot be redeemed before its hold is over',
    run: async (open) => {
      const world = await open({ holdDays: 1 })
      const account = await world.account('a')
      await world.deposit(account, ton('7'))
      await world.charge([[account, ton('3')]])
      const payee = world.host.address.toRawString()
      expect((await world.redeem(payee, ton('3'))).exitCode).toBe(TILL_EXIT.NothingDue)
      world.wait(DAY)
      expect((await world.redeem(payee, ton('3'))).exitCode).toBe(TILL_EXIT.NothingDue)
      world.wait(DAY)
      expect((await world.redeem(payee, ton('3'))).ok).toBe(true)
    },
  },
  {
    title: 'only the meter key signs vouchers, for this Till, to a basechain wallet',
    run: async (open) => {
      const world = await withPool(open)
      const payee = world.host.address.toRawString()
      const forged = await world.redeem(payee, ton('1'), { key: testKey('thief') })
      expect(forged.exitCode).toBe(TILL_EXIT.BadSignature)
      const elsewhere = await world.redeem(payee, ton('1'), { till: payee })
      expect(elsewhere.exitCode).toBe(TILL_EXIT.WrongTill)
      expect((await world.send(await masterchainRedeem(world))).exitCode).toBe(
        TILL_EXIT.BadWorkchain,
      )
    },
  },
  {
    title: 'a new payee’s leaf is paid for by whoever redeems first',
    run: async (open) => {
      const world = await withPool(open)
      const payee = world.host.address.toRawString()
      const before = await world.till.getTotals()
      await world.redeem(payee, ton('1'))
      const between = await world.till.getTotals()
      expect(between.surplus - before.surplus).toBe(PAYEE_FEE)
      await world.redeem(payee, ton('2'))
      expect((await world.till.getTotals()).surplus).toBe(between.surplus)
      expect(await world.till.getStatus()).toMatchObject({ payees: 1 })
    },
  },
  {
    title: 'H2: nobody chooses where a payee lies in the dictionary',
    run: async (open) => {
      const world = await withPool(open)
      const payee = world.host.address.toRawString()
      await world.redeem(payee, ton('1'))
      expect((await readStore(world)).payees.keys()).toEqual([payeeKey(payee)])
    },
  },
  {
    title: 'H3: past the limit no new payee is taken, and the others go on',
    run: async (open) => {
      const world = await withPool(open)
      const [known, fresh] = [world.host, world.user].map((each) => each.address.toRawString())
      await world.redeem(known ?? '', ton('1'))
      await writeStore(world, { ...(await readStore(world)), payeeCount: MAX_PAYEES })
      expect((await world.redeem(fresh ?? '', ton('1'))).exitCode).toBe(TILL_EXIT.PayeesFull)
      expect((await world.redeem(known ?? '', ton('2'))).ok).toBe(true)
    },
  },
  {
    title: 'a redeem that cannot pay its way is undone whole and bounces',
    run: async (open) => {
      const world = await withPool(open)
      const payee = world.host.address.toRawString()
      const before = await world.till.getTotals()
      let refusals = 0
      // From too little gas to too little for the payout's own fees: nothing in between may pay half.
      for (let value = ton('0.003'); value < ton('0.03'); value = nano(value + ton('0.001'))) {
        const { ok } = await world.redeem(payee, ton('1'), { value })
        if (ok) break
        refusals += 1
        const after = await world.till.getTotals()
        expect({ ...after, surplus: 0n }).toEqual({ ...before, surplus: 0n })
        expect(after.surplus).toBeGreaterThanOrEqual(before.surplus)
        expect(await world.till.getPayeePaid(payee)).toBe(0n)
      }
      expect(refusals).toBeGreaterThan(5)
    },
  },
  {
    title: 'when a payout fails in the action phase the money that came with the message goes back',
    run: async (open) => {
      const world = await withPool(open)
      const payee = world.host.address.toRawString()
      await world.redeem(payee, ton('0.5'))
      // Enough for gas, not for the new payee's fee: the reserve cannot be made.
      const fresh = world.user.address.toRawString()
      const outcome = await world.redeem(fresh, ton('0.5'), { value: ton('0.012') })
      expect(outcome).toMatchObject({ exitCode: 0, ok: false, bounced: true })
      expect(await world.till.getPayeePaid(fresh)).toBe(0n)
    },
  },
]
