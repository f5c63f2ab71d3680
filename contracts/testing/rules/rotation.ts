import { beginCell } from '@ton/core'
import { expect } from 'vitest'
import { rotationSeconds } from '../../till-config.ts'
import { DAY_SECONDS, FREEZE_GAP_SECONDS, FREEZE_SECONDS, TILL_EXIT } from '../../till-constants.ts'
import { plainBody, TILL_OP } from '../../till-messages.ts'
import { testKey, ton } from '../keys.ts'
import { CONFIG, DAY } from '../till-world.ts'
import { charged } from './charged.ts'
import type { Rule } from './rule.ts'

const ROTATION = rotationSeconds(CONFIG)

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
