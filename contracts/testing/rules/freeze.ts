import { expect } from 'vitest'
import { rotationSeconds } from '../../till-config.ts'
import { FREEZE_GAP_SECONDS, FREEZE_SECONDS, TILL_EXIT } from '../../till-constants.ts'
import { plainBody } from '../../till-messages.ts'
import { testKey, ton } from '../keys.ts'
import { CONFIG } from '../till-world.ts'
import { charged } from './charged.ts'
import type { Rule } from './rule.ts'

const ROTATION = rotationSeconds(CONFIG)

export const FREEZE_RULES: readonly Rule[] = [
  {
    title: 'H5: a freeze stops at once whatever the meter key can do, for 72 hours',
    run: async (open) => {
      const { world, account } = await charged(open)
      await world.comment('no memo', { value: ton('3'), bounce: false })
      await world.requestExit(account)
      const host = world.host.address.toRawString()
      const attempts = () =>
        [
          () => world.charge([[account, ton('3')]]),
          () => world.redeem(host, ton('1')),
          () => world.refundOrphan(ton('1')),
          () => world.fastExit(account, ton('2')),
        ] as const
      expect((await world.operate(plainBody('freeze'))).ok).toBe(true)
      for (const attempt of attempts()) expect((await attempt()).exitCode).toBe(TILL_EXIT.Frozen)
      world.wait(FREEZE_SECONDS - 1)
      for (const attempt of attempts()) expect((await attempt()).exitCode).toBe(TILL_EXIT.Frozen)
      world.wait(1)
      for (const attempt of attempts()) expect((await attempt()).ok).toBe(true)
    },
  },
  {
    title: 'a freeze stops neither deposits nor cheques',
    run: async (open) => {
      const { world, account } = await charged(open)
      const sovereign = await world.account('s', 'sovereign')
      await world.deposit(sovereign, ton('2'))
      await world.operate(plainBody('freeze'))
      expect((await world.deposit(account, ton('1'))).ok).toBe(true)
      expect((await world.cheque(sovereign, ton('1'))).ok).toBe(true)
      expect((await world.till.getAccount(sovereign.id)).debit).toBe(ton('1'))
    },
  },
  {
    title: 'the operator cannot freeze for ever: between two freezes there is a day to redeem',
    run: async (open) => {
      const { world } = await charged(open)
      const freeze = (via = world.admin) => world.operate(plainBody('freeze'), via)
      expect((await freeze(world.relay)).exitCode).toBe(TILL_EXIT.NotAdmin)
      expect((await freeze()).ok).toBe(true)
      expect((await freeze()).exitCode).toBe(TILL_EXIT.FreezeTooSoon)
      world.wait(FREEZE_SECONDS + FREEZE_GAP_SECONDS - 1)
      expect((await freeze()).exitCode).toBe(TILL_EXIT.FreezeTooSoon)
      const host = world.host.address.toRawString()
      expect((await world.redeem(host, ton('1.8'))).ok).toBe(true)
      world.wait(1)
      expect((await freeze()).ok).toBe(true)
    },
  },
  {
    title:
      'H5: after freeze and rotation a thief of the meter key has taken nothing that he charged',
    run: async (open) => {
      const { world, account } = await charged(open, { holdDays: 1, dailyCap: ton('5') })
      const thief = world.relay.address.toRawString()
      const owned = (await world.till.getAccount(account.id)).available
      // Found out: the admin freezes and announces that this key dies.
      await world.operate(plainBody('freeze'))
      await world.rotate(testKey('next meter'), { dropPrevious: true })
      // The day between freeze and rotation is the thief's best: he charges the cap and redeems what he can.
      world.wait(FREEZE_SECONDS)
      const before = (await world.till.getTotals()).pool
      await world.charge([[account, ton('1000')]])
      await world.redeem(thief, ton('1000'))
      expect(await world.till.getPayeePaid(thief)).toBe(before)
      world.wait(ROTATION - FREEZE_SECONDS)
      await world.operate(plainBody('activateKey'))
      expect((await world.redeem(thief, ton('1000'))).exitCode).toBe(TILL_EXIT.BadSignature)
      expect((await world.charge([[account, ton('1000')]])).exitCode).toBe(TILL_EXIT.BadSignature)
      expect(owned - (await world.till.getAccount(account.id)).available).toBe(ton('5'))
    },
  },
]
