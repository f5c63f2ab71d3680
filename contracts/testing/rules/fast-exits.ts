import { expect } from 'vitest'
import { TILL_EXIT } from '../../till-constants.ts'
import { plainBody } from '../../till-messages.ts'
import { testKey, ton } from '../keys.ts'
import { received } from '../outcome.ts'
import { CONFIG, DAY } from '../till-world.ts'
import { funded } from './funded.ts'
import type { Rule } from './rule.ts'

export const FAST_EXIT_RULES: readonly Rule[] = [
  {
    title: 'with the meter key’s word an exit pays at once, after the final debit',
    run: async (open) => {
      const { world, account } = await funded(open)
      const to = world.user.address.toRawString()
      await world.requestExit(account)
      const outcome = await world.fastExit(account, ton('3'), { feeBps: 1000 })
      expect(received(outcome, to)).toBe(ton('7'))
      expect(await world.till.getTotals()).toMatchObject({
        owed: 0n,
        fees: ton('0.3'),
        held: ton('2.7'),
      })
      expect((await world.fastExit(account, ton('3'))).exitCode).toBe(TILL_EXIT.NoExit)
    },
  },
  {
    title: 'a sovereign account leaves fast once its last cheque is in',
    run: async (open) => {
      const world = await open()
      const account = await world.account('s', 'sovereign')
      await world.deposit(account, ton('4.07'))
      await world.requestExit(account)
      const early = await world.fastExit(account, ton('1'))
      expect(early.exitCode).toBe(TILL_EXIT.NotCollected)
      await world.cheque(account, ton('1'))
      const outcome = await world.fastExit(account, ton('1'))
      expect(received(outcome, world.user.address.toRawString())).toBe(ton('3'))
    },
  },
  {
    title: 'the day’s cap cannot be used to leave with money that is owed',
    run: async (open) => {
      const { world, account } = await funded(open, { dailyCap: ton('2') })
      await world.requestExit(account)
      const outcome = await world.fastExit(account, ton('3'))
      expect(outcome.exitCode).toBe(TILL_EXIT.NotCollected)
      expect(await world.till.getAccount(account.id)).toMatchObject({ debit: 0n })
    },
  },
  {
    title: 'nobody else speeds an exit up, and nobody starts one',
    run: async (open) => {
      const { world, account } = await funded(open)
      const nobody = await world.account('nobody')
      expect((await world.fastExit(account, ton('0'))).exitCode).toBe(TILL_EXIT.NoExit)
      expect((await world.fastExit(nobody, ton('0'))).exitCode).toBe(TILL_EXIT.NoAccount)
      await world.requestExit(account)
      const attempts = [
        [{ key: testKey('thief') }, TILL_EXIT.BadSignature],
        [{ key: account.owner }, TILL_EXIT.BadSignature],
        [{ nonce: 0 }, TILL_EXIT.StaleNonce],
        [{ nonce: 2 }, TILL_EXIT.StaleNonce],
        [{ feeBps: CONFIG.maxFeeBps + 1 }, TILL_EXIT.FeeTooHigh],
        [{ till: world.host.address.toRawString() }, TILL_EXIT.WrongTill],
      ] as const
      for (const [options, exitCode] of attempts) {
        expect((await world.fastExit(account, ton('1'), options)).exitCode).toBe(exitCode)
      }
      expect(await world.till.getAccount(account.id)).toMatchObject({ debit: 0n })
    },
  },
  {
    title: 'no freeze stops an exit',
    run: async (open) => {
      const { world, account } = await funded(open)
      await world.operate(plainBody('freeze'))
      expect((await world.requestExit(account)).ok).toBe(true)
      expect((await world.cancelExit(account)).ok).toBe(true)
      expect((await world.requestExit(account, { nonce: 2 })).ok).toBe(true)
      world.wait(DAY)
      const { frozenUntil } = await world.till.getStatus()
      expect(frozenUntil).toBeGreaterThan(world.now())
      expect(received(await world.finishExit(account), world.user.address.toRawString())).toBe(
        ton('10'),
      )
    },
  },
]
