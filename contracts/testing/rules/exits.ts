import { Address } from '@ton/core'
import { expect } from 'vitest'
import { nano } from '#base/nano.ts'
import { EXIT_LAPSE_SECONDS, TILL_EXIT } from '../../till-constants.ts'
import { testKey, ton } from '../keys.ts'
import { masterchainExit } from '../masterchain-bodies.ts'
import { received } from '../outcome.ts'
import { CONFIG, HOUR } from '../till-world.ts'
import { funded } from './funded.ts'
import type { Rule } from './rule.ts'

export const EXIT_RULES: readonly Rule[] = [
  {
    title: 'the owner’s wallet asks, anyone finishes after the delay, and every nanoTON comes back',
    run: async (open) => {
      const { world, account } = await funded(open)
      const to = new Address(0, Buffer.alloc(32, 0x77)).toRawString()
      const asked = await world.requestExit(account, { signed: false, to })
      expect(asked.ok).toBe(true)
      const at = world.now() + CONFIG.exitDelay
      expect(await world.till.getAccount(account.id)).toMatchObject({ nonce: 1, exitAt: at })
      expect(await world.till.getExitTo(account.id)).toBe(to)
      world.wait(CONFIG.exitDelay - 1)
      expect((await world.finishExit(account)).exitCode).toBe(TILL_EXIT.TooEarly)
      world.wait(1)
      const done = await world.finishExit(account)
      expect(received(done, to)).toBe(ton('10'))
      expect(await world.till.getAccount(account.id)).toMatchObject({
        paidOut: ton('10'),
        available: 0n,
        nonce: 1,
        exitAt: 0,
      })
      expect((await world.finishExit(account)).exitCode).toBe(TILL_EXIT.NoExit)
      expect(await world.till.getTotals()).toMatchObject({ owed: 0n })
    },
  },
  {
    title: 'the owner’s key asks without any wallet of the owner’s',
    run: async (open) => {
      const { world, account } = await funded(open)
      const changes = { owner: null }
      const keyOnly = await world.account('key only', 'sovereign', changes)
      await world.deposit(keyOnly, ton('1.07'))
      expect((await world.requestExit(account)).ok).toBe(true)
      expect((await world.requestExit(keyOnly)).ok).toBe(true)
      const bare = await world.requestExit(keyOnly, { nonce: 1, signed: false })
      expect(bare.exitCode).toBe(TILL_EXIT.NotOwner)
    },
  },
  {
    title: 'nobody else exits: strangers, forged signatures, other keys, other Tills',
    run: async (open) => {
      const { world, account } = await funded(open)
      const walletOnly = await world.account('wallet only', 'managed', { ownerKey: null })
      await world.deposit(walletOnly, ton('1.07'))
      const thief = await world.account('thief')
      const unfunded = await world.account('unfunded')
      const attempts = [
        [() => world.requestExit(account, { signed: false, via: world.relay }), TILL_EXIT.NotOwner],
        [() => world.requestExit(account, { key: testKey('thief') }), TILL_EXIT.BadSignature],
        [() => world.requestExit(account, { key: account.spend }), TILL_EXIT.BadSignature],
        [() => world.requestExit(account, { key: world.meter }), TILL_EXIT.BadSignature],
        [() => world.requestExit(walletOnly, { key: testKey('thief') }), TILL_EXIT.NotOwner],
        [() => world.requestExit({ ...thief, id: account.id }), TILL_EXIT.NoAccount],
        [() => world.requestExit(account, { till: thief.keys.owner ?? '' }), TILL_EXIT.WrongTill],
        [() => world.requestExit(unfunded), TILL_EXIT.NoAccount],
      ] as const
      for (const [attempt, exitCode] of attempts) expect((await attempt()).exitCode).toBe(exitCode)
      expect(await world.till.getAccount(account.id)).toMatchObject({ nonce: 0, exitAt: 0 })
    },
  },
  {
    title: 'an order counts once: its replay and any other nonce are stale',
    run: async (open) => {
      const { world, account } = await funded(open)
      expect((await world.requestExit(account, { nonce: 1 })).exitCode).toBe(TILL_EXIT.StaleNonce)
      expect((await world.requestExit(account)).ok).toBe(true)
      expect((await world.requestExit(account)).exitCode).toBe(TILL_EXIT.StaleNonce)
    },
  },
  {
    title: 'asking again starts the delay again',
    run: async (open) => {
      const { world, account } = await funded(open)
      await world.requestExit(account)
      world.wait(CONFIG.exitDelay - HOUR)
      await world.requestExit(account, { nonce: 1 })
      world.wait(HOUR)
      expect((await world.finishExit(account)).exitCode).toBe(TILL_EXIT.TooEarly)
    },
  },
  {
    title: 'an exit to where no payout could go is refused when it is asked for',
    run: async (open) => {
      const { world, account } = await funded(open)
      const outcome = await world.send(masterchainExit(world, account), { via: world.user })
      expect(outcome.exitCode).toBe(TILL_EXIT.BadWorkchain)
    },
  },
  {
    title: 'charges and deposits inside the delay still count',
    run: async (open) => {
      const { world, account } = await funded(open)
      const to = world.user.address.toRawString()
      await world.requestExit(account)
      await world.charge([[account, ton('4')]])
      await world.deposit(account, ton('1.02'))
      world.wait(CONFIG.exitDelay)
      expect(received(await world.finishExit(account), to)).toBe(ton('7'))
      // H1: a charge that comes after the exit collects nothing, and the account says so.
      await world.charge([[account, ton('9')]])
      expect(await world.till.getAccount(account.id)).toMatchObject({ debit: ton('4') })
    },
  },
  {
    title: 'H6: an exit with nothing left finishes, and the account is open again',
    run: async (open) => {
      const { world, account } = await funded(open, { dailyCap: ton('100') })
      await world.requestExit(account)
      await world.charge([[account, ton('10')]])
      world.wait(CONFIG.exitDelay)
      expect(await world.finishExit(account)).toMatchObject({ ok: true, exitCode: 0 })
      expect(await world.till.getAccount(account.id)).toMatchObject({ exitAt: 0, paidOut: 0n })
      await world.deposit(account, ton('1.02'))
      expect((await world.finishExit(account)).exitCode).toBe(TILL_EXIT.NoExit)
      expect(await world.till.getAccount(account.id)).toMatchObject({ available: ton('1') })
    },
  },
  {
    title: 'H6: an exit lapses seven days after its time, and can be asked for again',
    run: async (open) => {
      const { world, account } = await funded(open)
      await world.requestExit(account)
      world.wait(CONFIG.exitDelay + EXIT_LAPSE_SECONDS - 1)
      expect((await world.till.getAccount(account.id)).exitAt).not.toBe(0)
      world.wait(1)
      expect(await world.till.getAccount(account.id)).toMatchObject({ exitAt: 0 })
      expect(await world.till.getExitTo(account.id)).toBe(null)
      expect((await world.finishExit(account)).exitCode).toBe(TILL_EXIT.NoExit)
      expect((await world.fastExit(account, nano(0n))).exitCode).toBe(TILL_EXIT.NoExit)
      expect((await world.requestExit(account, { nonce: 1 })).ok).toBe(true)
      world.wait(CONFIG.exitDelay)
      expect((await world.finishExit(account)).ok).toBe(true)
    },
  },
  {
    title: 'H6: the owner calls an exit off, by wallet or by key; nobody else does',
    run: async (open) => {
      const { world, account } = await funded(open)
      await world.requestExit(account)
      const attempts = [
        [{ key: testKey('thief') }, TILL_EXIT.BadSignature],
        [{ signed: false, via: world.relay }, TILL_EXIT.NotOwner],
        [{ nonce: 0 }, TILL_EXIT.StaleNonce],
        [{ till: world.host.address.toRawString() }, TILL_EXIT.WrongTill],
      ] as const
      for (const [options, exitCode] of attempts) {
        expect((await world.cancelExit(account, options)).exitCode).toBe(exitCode)
      }
      const thief = await world.account('thief')
      const stolen = await world.cancelExit({ ...thief, id: account.id })
      expect(stolen.exitCode).toBe(TILL_EXIT.NoAccount)
      const unfunded = await world.cancelExit(thief, { nonce: 0 })
      expect(unfunded.exitCode).toBe(TILL_EXIT.NoAccount)
      expect((await world.cancelExit(account)).ok).toBe(true)
      expect((await world.cancelExit(account)).exitCode).toBe(TILL_EXIT.StaleNonce)
      world.wait(CONFIG.exitDelay)
      expect((await world.finishExit(account)).exitCode).toBe(TILL_EXIT.NoExit)
      await world.requestExit(account, { nonce: 2 })
      expect((await world.cancelExit(account, { nonce: 3, signed: false })).ok).toBe(true)
      expect(await world.till.getAccount(account.id)).toMatchObject({ nonce: 4, exitAt: 0 })
    },
  },
  {
    title: 'an exit of an account that never asked, or does not exist, is refused',
    run: async (open) => {
      const { world, account } = await funded(open)
      expect((await world.finishExit(account)).exitCode).toBe(TILL_EXIT.NoExit)
      const nobody = await world.account('nobody')
      expect((await world.finishExit(nobody)).exitCode).toBe(TILL_EXIT.NoAccount)
    },
  },
  {
    title: 'a payout that cannot be sent leaves the exit armed and the money owed',
    run: async (open) => {
      const { world, account } = await funded(open)
      await world.requestExit(account)
      world.wait(CONFIG.exitDelay)
      const before = await world.till.getTotals()
      let refusals = 0
      for (let value = ton('0.002'); value < ton('0.03'); value = nano(value + ton('0.0005'))) {
        const { ok } = await world.finishExit(account, { value })
        if (ok) break
        refusals += 1
        expect((await world.till.getTotals()).owed).toBe(before.owed)
      }
      expect(refusals).toBeGreaterThan(5)
      expect(await world.till.getAccount(account.id)).toMatchObject({ available: 0n })
    },
  },
]
