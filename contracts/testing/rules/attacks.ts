import { beginCell, type Cell } from '@ton/core'
import { expect } from 'vitest'
import { type Nano, nano } from '#base/nano.ts'
import { type AccountMode, accountIdFromNumber } from '../../account-id.ts'
import { toCell } from '../../cells.ts'
import { chargeBatchCell } from '../../charge-batch.ts'
import { chequeBits, exitOrderBits, voucherBits } from '../../signed-cells.ts'
import { MAX_BATCH, TILL_EXIT, TILL_VALUE } from '../../till-constants.ts'
import { chargeBodyOf, depositBody, redeemBody, TILL_OP } from '../../till-messages.ts'
import { forgeUnderZeroKey, zeroKeysCell } from '../forge-small-order.ts'
import { ton } from '../keys.ts'
import { deepen } from '../till-store.ts'
import { DAY, type TestAccount, type TillWorld } from '../till-world.ts'
import type { Rule } from './rule.ts'

/** Grinding one leaf at this depth takes 2^63 hashes, and every leaf above it an opening fee. */
export const WORST_DEPTH = 64

/** The account of a Keys cell that the wrapper would not build. */
export const zeroAccount = (keys: Cell, mode: AccountMode) =>
  accountIdFromNumber(
    ((mode === 'sovereign' ? 1n : 0n) << 151n) |
      (BigInt(`0x${keys.hash().toString('hex')}`) >> 105n),
  )

/** The exit that a thief signs for an account whose owner key is zero. */
export async function forgedExit(world: TillWorld, keys: Cell): Promise<Cell> {
  const account = zeroAccount(keys, 'managed')
  const forged = forgeUnderZeroKey((i) => {
    const to = `0:${(i + 1).toString(16).padStart(64, '0')}`
    return toCell(exitOrderBits({ till: world.address, account, to, nonce: 0 }))
  })
  return beginCell()
    .storeUint(TILL_OP.exitRequest, 32)
    .storeUint(0, 64)
    .storeRef(keys)
    .storeRef(forged.cell)
    .storeBit(true)
    .storeRef(beginCell().storeBuffer(forged.signature).endCell())
    .endCell()
}

/** The cheque that a thief signs for an account whose spend key is zero. */
async function forgedCheque(world: TillWorld, keys: Cell): Promise<Cell> {
  const account = zeroAccount(keys, 'sovereign')
  const forged = forgeUnderZeroKey((i) => {
    const cumulative = nano(ton('1') + BigInt(i))
    return toCell(chequeBits({ till: world.address, account, feeBps: 0, cumulative }))
  })
  return beginCell()
    .storeUint(TILL_OP.chargeCheque, 32)
    .storeUint(0, 64)
    .storeBuffer(forged.signature)
    .storeRef(keys)
    .storeRef(forged.cell)
    .endCell()
}

export const ATTACK_RULES: readonly Rule[] = [
  {
    title: 'C1: signatures forged under a zero owner key or spend key move nothing',
    run: async (open) => {
      const world = await open()
      const keys = zeroKeysCell(7)
      for (const mode of ['managed', 'sovereign'] as const) {
        const body = depositBody(zeroAccount(keys, mode))
        expect((await world.send(body, { value: ton('10') })).ok).toBe(true)
      }
      const exit = await world.send(await forgedExit(world, keys))
      expect(exit.exitCode).toBe(TILL_EXIT.BadKey)
      const cheque = await world.send(await forgedCheque(world, keys))
      expect(cheque.exitCode).toBe(TILL_EXIT.BadKey)
    },
  },
  {
    title: 'H2: at the worst depth every operation succeeds with exactly the value that is advised',
    run: async (open) => {
      const world = await open({ dailyCap: ton('100') })
      const host = world.host.address.toRawString()
      const crowd = await Promise.all(
        Array.from({ length: MAX_BATCH }, (_, i) => world.account(`account ${i}`)),
      )
      const sovereign = await world.account('s', 'sovereign')
      const [first, second] = crowd
      if (first === undefined || second === undefined) throw new Error('no crowd')
      const accounts = [...crowd, sovereign].map(({ id }) => id)
      await deepen(world, { accounts, payees: [host] }, WORST_DEPTH)
      for (const account of [...crowd, sovereign]) await world.depositBinary(account, ton('2'))
      const amounts = crowd.map((account) => [account, ton('0.5')] as const)
      const value = TILL_VALUE
      const outcomes = {
        charge: await world.charge(amounts, { value: value.charge(MAX_BATCH) }),
        chargeOne: await world.charge([[first, ton('0.6')]], { value: value.charge(1) }),
        cheque: await world.cheque(sovereign, ton('1'), { value: value.cheque }),
        redeemNew: await world.redeem(host, ton('0.1'), { value: value.redeem }),
        redeem: await world.redeem(host, ton('0.2'), { value: value.redeem }),
        exitRequest: await world.requestExit(first, { value: value.exitRequest }),
        exitFast: await world.fastExit(first, ton('1'), { value: value.exitFast }),
        exitRequestByWallet: await world.requestExit(second, {
          signed: false,
          value: value.exitRequest,
        }),
      }
      world.wait(DAY)
      const exitFinish = await world.finishExit(second, { value: value.exitFinish })
      for (const [name, { ok, exitCode }] of Object.entries({ ...outcomes, exitFinish })) {
        expect([name, exitCode, ok]).toEqual([name, 0, true])
      }
    },
  },
  {
    title: 'a charge that runs out of gas half way changes nothing',
    run: async (open) => {
      const world = await open()
      const crowd = await Promise.all(
        Array.from({ length: MAX_BATCH }, (_, i) => world.account(`account ${i}`)),
      )
      for (const account of crowd) await world.depositBinary(account, ton('1'))
      const before = await world.till.getTotals()
      const amounts = crowd.map((account) => [account, ton('0.5')] as const)
      const outcome = await world.charge(amounts, { value: ton('0.06') })
      expect(outcome.ok).toBe(false)
      expect(outcome.exitCode).toBe(-14)
      const after = await world.till.getTotals()
      expect({ ...after, surplus: 0n }).toEqual({ ...before, surplus: 0n })
      expect(after.surplus).toBeGreaterThanOrEqual(before.surplus)
    },
  },
  {
    title: 'the gateway gone for ever: a host gets its pay from its settlement pack alone',
    run: async (open) => {
      const world = await open()
      const [a, b] = [await world.account('a'), await world.account('b')]
      for (const account of [a, b]) await world.deposit(account, ton('4'))
      // What the host was sent with its heartbeats, as bytes: a signed batch and a signed voucher.
      const payee = world.host.address.toRawString()
      const pack = await settlementPack(world, { payee, earned: ton('3'), accounts: [a, b] })
      // The meter key is gone from here on; a stranger's gas does as well as the host's own.
      const purse = await world.host.getBalance()
      expect((await world.send(chargeBodyOf(...pack.charge), { via: world.host })).ok).toBe(true)
      world.wait(2 * DAY)
      expect((await world.send(redeemBody(...pack.voucher), { via: world.host })).ok).toBe(true)
      expect((await world.host.getBalance()) - purse).toBeGreaterThan(ton('2.9'))
    },
  },
  {
    title: 'the gateway gone for ever: a developer with the recovery key gets every rest back',
    run: async (open) => {
      const world = await open()
      for (const mode of ['managed', 'sovereign'] as const) {
        const account = await world.account(mode, mode)
        await world.deposit(account, ton('4.07'))
        await world.requestExit(account)
        world.wait(DAY)
        expect((await world.finishExit(account)).ok).toBe(true)
        expect(await world.till.getAccount(account.id)).toMatchObject({ paidOut: ton('4') })
      }
    },
  },
]

async function settlementPack(
  world: TillWorld,
  of: { payee: string; earned: Nano; accounts: readonly TestAccount[] },
) {
  const items = new Map(of.accounts.map(({ id }) => [id, ton('2')]))
  const batch = chargeBatchCell({ till: world.address, feeBps: 500, items })
  const voucher = { till: world.address, payee: of.payee, cumulative: of.earned }
  const charge = [batch, await world.meter.sign(new Uint8Array(batch.hash()))] as const
  return {
    charge,
    voucher: [voucher, await world.meter.signBits(voucherBits(voucher))] as const,
  }
}
