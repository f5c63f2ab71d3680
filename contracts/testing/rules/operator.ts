import { expect } from 'vitest'
import { nano } from '#base/nano.ts'
import { TILL_EXIT } from '../../till-constants.ts'
import { redeemFeesBody, returnFeesBody } from '../../till-messages.ts'
import { testKey, ton } from '../keys.ts'
import { received } from '../outcome.ts'
import { charged } from './charged.ts'
import type { Rule } from './rule.ts'

export const ORPHAN_RULES: readonly Rule[] = [
  {
    title: 'an orphan goes back on the meter key’s word, once, and only orphans do',
    run: async (open) => {
      const { world } = await charged(open)
      const to = world.user.address.toRawString()
      await world.comment('no memo', { value: ton('3'), bounce: false })
      expect((await world.refundOrphan(ton('3'))).exitCode).toBe(TILL_EXIT.NothingDue)
      expect((await world.refundOrphan(nano(0n))).exitCode).toBe(TILL_EXIT.NothingDue)
      expect(received(await world.refundOrphan(ton('2')), to)).toBe(ton('2'))
      expect((await world.refundOrphan(ton('0.5'))).exitCode).toBe(TILL_EXIT.StaleNonce)
      expect(received(await world.refundOrphan(ton('0.98'), { nonce: 1 }), to)).toBe(ton('0.98'))
      expect(await world.till.getTotals()).toMatchObject({ orphans: 0n, pool: ton('1.8') })
    },
  },
  {
    title: 'nobody else refunds orphans',
    run: async (open) => {
      const { world } = await charged(open)
      await world.comment('no memo', { value: ton('3'), bounce: false })
      const thief = await world.refundOrphan(ton('1'), { key: testKey('thief') })
      expect(thief.exitCode).toBe(TILL_EXIT.BadSignature)
      const till = world.host.address.toRawString()
      expect((await world.refundOrphan(ton('1'), { till })).exitCode).toBe(TILL_EXIT.WrongTill)
    },
  },
]

export const FEE_RULES: readonly Rule[] = [
  {
    title: 'C5: the operator takes fees and nothing but fees',
    run: async (open) => {
      const { world } = await charged(open)
      const to = world.host.address.toRawString()
      const take = (amount: string) => world.operate(redeemFeesBody(to, ton(amount)))
      for (const amount of ['0', '0.200000001', '2']) {
        expect((await take(amount)).exitCode).toBe(TILL_EXIT.NothingDue)
      }
      expect(received(await take('0.15'), to)).toBe(ton('0.15'))
      expect((await take('0.15')).exitCode).toBe(TILL_EXIT.NothingDue)
      const stranger = await world.operate(redeemFeesBody(to, ton('0.01')), world.relay)
      expect(stranger.exitCode).toBe(TILL_EXIT.NotAdmin)
      expect(await world.till.getTotals()).toMatchObject({ fees: ton('0.05'), pool: ton('1.8') })
    },
  },
  {
    title: 'the operator may give fees to the hosts',
    run: async (open) => {
      const { world } = await charged(open)
      for (const amount of ['0', '0.3']) {
        const outcome = await world.operate(returnFeesBody(ton(amount)))
        expect(outcome.exitCode).toBe(TILL_EXIT.NothingDue)
      }
      const stranger = await world.operate(returnFeesBody(ton('0.1')), world.relay)
      expect(stranger.exitCode).toBe(TILL_EXIT.NotAdmin)
      expect((await world.operate(returnFeesBody(ton('0.1')))).ok).toBe(true)
      expect(await world.till.getTotals()).toMatchObject({ fees: ton('0.1'), pool: ton('1.9') })
    },
  },
]
