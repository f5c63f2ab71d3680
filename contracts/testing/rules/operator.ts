import { beginCell } from '@ton/core'
import { expect } from 'vitest'
import { nano } from '#base/nano.ts'
import { rotationSeconds } from '../../till-config.ts'
import { DAY_SECONDS, FREEZE_GAP_SECONDS, FREEZE_SECONDS, TILL_EXIT } from '../../till-constants.ts'
import { plainBody, redeemFeesBody, returnFeesBody, TILL_OP } from '../../till-messages.ts'
import { testKey, ton } from '../keys.ts'
import { received } from '../outcome.ts'
import { CONFIG, DAY, type TestAccount, type TillWorld } from '../till-world.ts'
import type { OpenTill, Rule } from './rule.ts'

const ROTATION = rotationSeconds(CONFIG)

async function charged(
  open: OpenTill,
  config: Parameters<OpenTill>[0] = {},
): Promise<{ world: TillWorld; account: TestAccount }> {
  const world = await open({ holdDays: 0, ...config })
  const account = await world.account('a')
  await world.deposit(account, ton('20.07'))
  await world.charge([[account, ton('2')]], { feeBps: 1000 })
  return { world, account }
}

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

export const ROTATION_RULES: readonly Rule[] = [
  {
    title:
      'H5: a rotation is announced, waits, and voids no voucher before its own time has passed again',
    run: async (open) => {
      const { world, account } = await charged(open)
      const next = testKey('next meter')
      const host = world.host.address.toRawString()
      expect((await world.rotate(next)).ok).toBe(true)
      const at = world.now() + ROTATION
      const pending = { key: next.publicKey, at, dropsPrevious: false }
      expect(await world.till.getMeterKey()).toMatchObject({ previous: null, pending })
      const early = await world.charge([[account, ton('3')]], { key: next })
      expect(early.exitCode).toBe(TILL_EXIT.BadSignature)
      world.wait(ROTATION - 1)
      expect((await world.operate(plainBody('activateKey'), world.relay)).exitCode).toBe(
        TILL_EXIT.TooEarly,
      )
      world.wait(1)
      expect((await world.operate(plainBody('activateKey'), world.relay)).ok).toBe(true)
      expect(await world.till.getMeterKey()).toEqual({
        key: next.publicKey,
        previous: { key: world.meter.publicKey, until: world.now() + ROTATION },
        pending: null,
      })
      // Both keys charge and redeem during the overlap.
      expect((await world.charge([[account, ton('3')]])).ok).toBe(true)
      expect((await world.charge([[account, ton('4')]], { key: next })).ok).toBe(true)
      expect((await world.redeem(host, ton('1'))).ok).toBe(true)
      expect((await world.redeem(host, ton('1.5'), { key: next })).ok).toBe(true)
      world.wait(ROTATION - 1)
      expect((await world.redeem(host, ton('2'))).ok).toBe(true)
      world.wait(1)
      expect((await world.till.getMeterKey()).previous).toBe(null)
      expect((await world.redeem(host, ton('2.5'))).exitCode).toBe(TILL_EXIT.BadSignature)
      expect((await world.charge([[account, ton('5')]])).exitCode).toBe(TILL_EXIT.BadSignature)
    },
  },
  {
    title: 'the previous key co-signs no exit and refunds no orphan',
    run: async (open) => {
      const { world, account } = await charged(open)
      await world.comment('no memo', { value: ton('3'), bounce: false })
      await world.requestExit(account)
      await world.rotate(testKey('next meter'))
      world.wait(ROTATION)
      await world.operate(plainBody('activateKey'))
      expect((await world.fastExit(account, ton('2'))).exitCode).toBe(TILL_EXIT.BadSignature)
      expect((await world.refundOrphan(ton('1'))).exitCode).toBe(TILL_EXIT.BadSignature)
    },
  },
  {
    title: 'H5: a stolen key, announced as such, is dead from the rotation on',
    run: async (open) => {
      const { world, account } = await charged(open)
      await world.rotate(testKey('next meter'), { dropPrevious: true })
      expect((await world.till.getMeterKey()).pending).toMatchObject({ dropsPrevious: true })
      world.wait(ROTATION)
      await world.operate(plainBody('activateKey'))
      expect((await world.till.getMeterKey()).previous).toBe(null)
      expect((await world.charge([[account, ton('3')]])).exitCode).toBe(TILL_EXIT.BadSignature)
    },
  },
  {
    title: 'H4: a rotation takes longer than exit, hold and a freeze, whatever was configured',
    run: async (open) => {
      for (const config of [
        { rotationDelay: 0, exitDelay: 5 * DAY, holdDays: 2 },
        { rotationDelay: 0, exitDelay: 0, holdDays: 0 },
        { rotationDelay: 30 * DAY, exitDelay: DAY, holdDays: 1 },
      ]) {
        const world = await open(config)
        await world.rotate(testKey('next meter'))
        const wait = ((await world.till.getMeterKey()).pending?.at ?? 0) - world.now()
        expect(wait).toBe(rotationSeconds(config))
        const exitAndHold = config.exitDelay + config.holdDays * DAY_SECONDS + DAY_SECONDS
        expect(wait).toBeGreaterThanOrEqual(exitAndHold)
        expect(wait).toBeGreaterThanOrEqual(FREEZE_SECONDS + FREEZE_GAP_SECONDS)
        expect(wait).toBeGreaterThanOrEqual(config.rotationDelay)
      }
    },
  },
  {
    title: 'only the admin rotates; C1: never to zero, never to the same key',
    run: async (open) => {
      const { world } = await charged(open)
      const stranger = await world.rotate(testKey('next meter'), { via: world.relay })
      expect(stranger.exitCode).toBe(TILL_EXIT.NotAdmin)
      expect((await world.rotate(world.meter)).exitCode).toBe(TILL_EXIT.BadKey)
      const zero = beginCell()
        .storeUint(TILL_OP.rotateKey, 32)
        .storeUint(0, 64 + 256)
        .storeBit(false)
        .endCell()
      expect((await world.operate(zero)).exitCode).toBe(TILL_EXIT.BadKey)
      expect((await world.till.getMeterKey()).pending).toBe(null)
    },
  },
  {
    title: 'the admin, and nobody else, calls a rotation off',
    run: async (open) => {
      const { world } = await charged(open)
      const cancel = (via = world.admin) => world.operate(plainBody('cancelRotation'), via)
      expect((await cancel()).exitCode).toBe(TILL_EXIT.NoRotation)
      const activate = () => world.operate(plainBody('activateKey'), world.relay)
      expect((await activate()).exitCode).toBe(TILL_EXIT.NoRotation)
      await world.rotate(testKey('thief'))
      expect((await cancel(world.relay)).exitCode).toBe(TILL_EXIT.NotAdmin)
      expect((await cancel()).ok).toBe(true)
      world.wait(ROTATION)
      expect((await activate()).exitCode).toBe(TILL_EXIT.NoRotation)
    },
  },
]

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
